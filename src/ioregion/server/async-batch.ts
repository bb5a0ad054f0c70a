/** Carries out a batch of commands on devices that may answer later, strictly one after the other. */
import { readAnyAsync, writeAnyAsync } from '../access.js';
import { AccessValue } from '../access-value.js';
import type { AsyncRegisterDevice } from '../register-device.js';
import { CommandKind, CommandView, encodeResponse, MESSAGE_SIZE, messageWords, WireFault } from '../wire/index.js';
import type { Barrier } from './batch.js';
import type { ServerCounters } from './counters.js';
import type { DeviceMap } from './device-map.js';
import { BATCH } from './exchange.js';

const ALL_ONES = 0xffffffff;

export class AsyncBatchHandler {
  /** The fault that ended the last batch, or `WireFault.none`. */
  fault: WireFault = WireFault.none;
  /** Called with what a handler threw or rejected with. */
  onDeviceError: ((error: unknown) => void) | null = null;
  readonly #commands: CommandView;
  readonly #responses: Uint32Array;
  readonly #devices: DeviceMap<AsyncRegisterDevice>;
  readonly #counters: ServerCounters;
  /** True once every earlier write on sibling fds has taken effect. */
  readonly #passed: Barrier | null;
  readonly #value = new AccessValue();
  #stopped = false;

  constructor(
    area: ArrayBuffer,
    devices: DeviceMap<AsyncRegisterDevice>,
    counters: ServerCounters,
    passed: Barrier | null,
  ) {
    this.#commands = new CommandView(area, 0, BATCH);
    this.#responses = messageWords(area, BATCH * MESSAGE_SIZE, BATCH);
    this.#devices = devices;
    this.#counters = counters;
    this.#passed = passed;
  }

  /** Carries out no further command. */
  stop(): void {
    this.#stopped = true;
  }

  /** The number of responses; a promise of it where a handler did not answer at once. */
  handle(count: number): number | Promise<number> {
    return this.#from(0, count, 0);
  }

  #from(first: number, count: number, written: number): number | Promise<number> {
    let responses = written;
    for (let index = first; index < count && !this.#stopped; index++) {
      const fault = this.#commands.decode(index);
      if (fault !== WireFault.none) {
        this.#counters.faults.count(fault);
        this.fault = fault;
        return responses;
      }
      const wanted = this.#commands.responseWanted;
      const pending = this.#carryOut(index);
      if (pending !== undefined) return this.#continue(pending, wanted, index, count, responses);
      if (wanted) this.#respond(responses++);
    }
    return responses;
  }

  async #continue(
    pending: Promise<void>,
    wanted: boolean,
    index: number,
    count: number,
    responses: number,
  ): Promise<number> {
    await pending;
    if (wanted && !this.#stopped) this.#respond(responses);
    return this.#from(index + 1, count, wanted ? responses + 1 : responses);
  }

  #respond(index: number): void {
    encodeResponse(this.#responses, index, this.#value.low, this.#value.high);
  }

  /** Leaves what is answered in the value; undefined where it is there already. Never rejects. */
  #carryOut(index: number): Promise<void> | undefined {
    const command = this.#commands;
    const region = this.#devices.find(command.userDataLow, command.userDataHigh);
    if (region < 0) this.#counters.unknownRegion += 1;
    if (command.kind === CommandKind.write) return this.#write(region);
    this.#counters.reads += 1;
    if (region < 0) {
      this.#value.setTruncated(command.size, ALL_ONES, ALL_ONES);
      return undefined;
    }
    if (this.#passed !== null && !this.#passed(index)) return this.#readLater(region, index);
    return this.#read(region);
  }

  #write(region: number): Promise<void> | undefined {
    const command = this.#commands;
    const value = this.#value;
    this.#counters.writes += 1;
    if (!command.responseWanted) this.#counters.posted += 1;
    value.set(command.dataLow, command.dataHigh);
    const pending = region < 0 ? undefined : this.#writeTo(region);
    if (pending !== undefined) return this.#settleWrite(pending);
    value.set(0, 0);
    return undefined;
  }

  #writeTo(region: number): Promise<void> | undefined {
    const { offset, size } = this.#commands;
    try {
      return writeAnyAsync(this.#devices.device(region), offset + this.#devices.base(region), size, this.#value);
    } catch (error) {
      this.#deviceError(error);
      return undefined;
    }
  }

  async #settleWrite(pending: Promise<void>): Promise<void> {
    try {
      await pending;
    } catch (error) {
      this.#deviceError(error);
    }
    this.#value.set(0, 0);
  }

  #read(region: number): Promise<void> | undefined {
    const { offset, size } = this.#commands;
    const value = this.#value;
    value.setTruncated(size, ALL_ONES, ALL_ONES); /* what a handler that throws leaves */
    try {
      const pending = readAnyAsync(this.#devices.device(region), offset + this.#devices.base(region), size, value);
      return pending === undefined ? undefined : this.#settleRead(pending, size);
    } catch (error) {
      this.#deviceError(error);
      return undefined;
    }
  }

  async #settleRead(pending: Promise<void>, size: number): Promise<void> {
    try {
      await pending;
    } catch (error) {
      this.#deviceError(error);
      this.#value.setTruncated(size, ALL_ONES, ALL_ONES);
    }
  }

  /** Looks again once per turn of the event loop, whose other servers may be the ones waited for. */
  async #readLater(region: number, index: number): Promise<void> {
    while (!this.#stopped && !this.#passed!(index)) await new Promise((resolve) => setImmediate(resolve));
    if (!this.#stopped) await this.#read(region);
  }

  #deviceError(error: unknown): void {
    this.#counters.deviceErrors += 1;
    this.onDeviceError?.(error);
  }
}
