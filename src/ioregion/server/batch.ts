/** Carries out a batch of commands on their devices and writes the responses: the hot loop of a blocking server. */
import { readAny, writeAny } from '../access.js';
import { AccessValue } from '../access-value.js';
import type { RegisterDevice } from '../register-device.js';
import { CommandKind, CommandView, encodeResponse, MESSAGE_SIZE, messageWords, WireFault } from '../wire/index.js';
import type { ServerCounters } from './counters.js';
import type { DeviceMap } from './device-map.js';
import { BATCH } from './exchange.js';

const ALL_ONES = 0xffffffff;

/** Called before a read is carried out; false ends the server. */
export type Barrier = (handled: number) => boolean;

export class BatchHandler {
  /** The fault that ended the last batch, or `WireFault.none`. */
  fault: WireFault = WireFault.none;
  /** The barrier said that the server is being stopped. */
  stopped = false;
  /** Called with what a handler threw. */
  onDeviceError: ((error: unknown) => void) | null = null;
  readonly #commands: CommandView;
  readonly #responses: Uint32Array;
  readonly #devices: DeviceMap<RegisterDevice>;
  readonly #counters: ServerCounters;
  readonly #barrier: Barrier | null;
  readonly #value = new AccessValue();

  constructor(
    area: ArrayBuffer,
    devices: DeviceMap<RegisterDevice>,
    counters: ServerCounters,
    barrier: Barrier | null,
  ) {
    this.#commands = new CommandView(area, 0, BATCH);
    this.#responses = messageWords(area, BATCH * MESSAGE_SIZE, BATCH);
    this.#devices = devices;
    this.#counters = counters;
    this.#barrier = barrier;
  }

  /** Handles the first `count` commands in order; returns the number of responses written. */
  handle(count: number): number {
    let responses = 0;
    for (let index = 0; index < count; index++) {
      const fault = this.#commands.decode(index);
      if (fault !== WireFault.none) {
        this.#counters.faults.count(fault);
        this.fault = fault;
        return responses;
      }
      if (!this.#carryOut(index)) return responses;
      if (this.#commands.responseWanted) {
        encodeResponse(this.#responses, responses, this.#value.low, this.#value.high);
        responses += 1;
      }
    }
    return responses;
  }

  /** One command; what it answers is left in the value. */
  #carryOut(index: number): boolean {
    const command = this.#commands;
    const region = this.#devices.find(command.userDataLow, command.userDataHigh);
    if (command.kind === CommandKind.write) {
      this.#write(region);
      return true;
    }
    if (this.#barrier !== null && !this.#barrier(index)) {
      this.stopped = true;
      return false;
    }
    this.#read(region);
    return true;
  }

  #read(region: number): void {
    this.#counters.reads += 1;
    if (region < 0) {
      this.#counters.unknownRegion += 1;
      this.#value.setTruncated(this.#commands.size, ALL_ONES, ALL_ONES);
      return;
    }
    const { offset, size } = this.#commands;
    try {
      readAny(this.#devices.device(region), offset + this.#devices.base(region), size, this.#value);
    } catch (error) {
      this.#deviceError(error);
      this.#value.setTruncated(size, ALL_ONES, ALL_ONES);
    }
  }

  #write(region: number): void {
    const command = this.#commands;
    this.#counters.writes += 1;
    if (!command.responseWanted) this.#counters.posted += 1;
    if (region < 0) {
      this.#counters.unknownRegion += 1;
    } else {
      this.#value.set(command.dataLow, command.dataHigh);
      try {
        writeAny(this.#devices.device(region), command.offset + this.#devices.base(region), command.size, this.#value);
      } catch (error) {
        this.#deviceError(error);
      }
    }
    this.#value.set(0, 0);
  }

  #deviceError(error: unknown): void {
    this.#counters.deviceErrors += 1;
    this.onDeviceError?.(error);
  }
}
