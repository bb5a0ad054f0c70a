/** The devices of a machine by PCI slot: what there is at each power cycle, and what comes and goes while the guest runs. */
import {
  type AttachedDevice,
  attachDevice,
  attachDevices,
  closeDevices,
  type DeviceInfo,
  type DeviceSpec,
  deviceInfo,
  type MachineContext,
} from '../attach/index.js';
import type { BoardLink, SlotAnswer, SlotQuestion } from '../board/board-question.js';
import type { LostSlot } from '../board/machine-signal.js';
import { BusFullError, DeviceIdError, MachineStateError, PlugError } from '../errors.js';
import { PCI_SLOTS } from '../pci/index.js';
import { Departures, type UnplugOptions } from './departures.js';

export interface PlugOptions {
  /** Gives up, until the guest is told of the device. */
  readonly signal?: AbortSignal;
}

export interface BayEvents {
  plugged(device: DeviceInfo): void;
  unplugged(device: DeviceInfo): void;
  /** A device that the guest has let go of could not be closed. */
  failed(error: unknown): void;
}

interface PoweredBay {
  readonly context: MachineContext;
  readonly devices: Map<number, AttachedDevice>;
  board: BoardLink | null;
}

export class DeviceBay {
  readonly #events: BayEvents;
  /** What a power cycle makes anew. */
  #specs: ReadonlyMap<number, DeviceSpec>;
  #on: PoweredBay | null = null;
  /** Slots that something is being put into. */
  readonly #arriving = new Map<number, { readonly spec: DeviceSpec; readonly done: Promise<unknown> }>();
  readonly #departures = new Departures();
  /** Steps that must not be cut in two by a snapshot, or by the end of the machine. */
  readonly #steps = new Set<Promise<unknown>>();

  /** In the slots from 1 on. */
  constructor(specs: readonly DeviceSpec[], events: BayEvents) {
    this.#events = events;
    this.#specs = new Map(specs.map((spec, index) => [index + 1, spec]));
  }

  /** By slot, in ascending order. */
  get specs(): ReadonlyMap<number, DeviceSpec> {
    return this.#specs;
  }

  /** What there is at the next power cycle, by slot. */
  arrange(specs: ReadonlyMap<number, DeviceSpec>): void {
    this.#specs = new Map([...specs].sort(([a], [b]) => a - b));
  }

  get infos(): DeviceInfo[] {
    return [...this.#specs].map(([slot, spec]) => deviceInfo(spec, slot));
  }

  /** Empty while the machine is off. */
  get attached(): readonly AttachedDevice[] {
    return [...(this.#on?.devices ?? [])].sort(([a], [b]) => a - b).map(([, device]) => device);
  }

  /** Without waiting for the devices: see `arrived`. @throws KvmIoctlError, MachineOptionError; nothing is attached then */
  async powerOn(context: MachineContext, isLate: boolean): Promise<void> {
    const devices = await attachDevices(this.#specs, context, isLate);
    this.#on = { context, devices: new Map(devices.map((device) => [device.slot.slot, device])), board: null };
  }

  /** Resolves when all devices are there. @throws what the first of them throws that is not */
  async arrived(): Promise<void> {
    await Promise.all(this.attached.map((device) => device.arrived));
  }

  /** From here on devices can come and go. */
  connect(board: BoardLink): void {
    this.#on!.board = board;
  }

  /** The board is about to end. */
  disconnect(): void {
    if (this.#on !== null) this.#on.board = null;
    for (const device of this.attached) device.ending();
  }

  /** The vCPUs and the board are gone. Devices that were wanted back are not there at the next power cycle. */
  async powerOff(): Promise<void> {
    await this.idle();
    const { attached } = this;
    this.#on = null;
    for (const slot of this.#departures.slots) this.#gone(slot);
    await closeDevices(attached);
  }

  /** Resolves when nothing is on its way between a slot and the outside. */
  async idle(): Promise<void> {
    while (this.#steps.size > 0) await Promise.allSettled(this.#steps);
  }

  /** @throws DeviceIdError, BusFullError, PlugError, and what the device throws; nothing of it is left then */
  async plug(spec: DeviceSpec, { signal }: PlugOptions): Promise<DeviceInfo> {
    signal?.throwIfAborted();
    const slot = this.#freeSlot(spec);
    const done = this.#step(this.#plugInto(slot, spec, signal));
    this.#arriving.set(slot, { spec, done });
    try {
      await done;
    } finally {
      this.#arriving.delete(slot);
    }
    const info = deviceInfo(spec, slot);
    this.#events.plugged(info);
    return info;
  }

  /** @throws DeviceIdError, UnplugTimeoutError, MachineStateError, and the reason of the signal */
  async unplug(id: string, options: UnplugOptions): Promise<void> {
    options.signal?.throwIfAborted();
    const slot = this.#slotOf(id);
    const unasked = new AbortController();
    const signals = [unasked.signal, ...(options.signal === undefined ? [] : [options.signal])];
    const gone = this.#departures.wait(slot, id, { ...options, signal: AbortSignal.any(signals) });
    gone.catch(() => {});
    try {
      await this.#step(this.#ask({ op: 'want', slot }));
    } catch (error) {
      unasked.abort();
      throw error;
    }
    await gone;
  }

  /** The guest has taken devices out. */
  ejected(slots: readonly number[]): void {
    for (const slot of slots) void this.#step(this.#take(slot));
  }

  /** Devices that do not answer the guest any more. */
  lost(slots: readonly LostSlot[]): void {
    for (const { slot, reason } of slots) this.#on?.devices.get(slot)?.lost(reason);
  }

  async #plugInto(slot: number, spec: DeviceSpec, signal: AbortSignal | undefined): Promise<void> {
    const { context, devices } = this.#on!;
    await spec.check?.();
    const device = await attachDevice(spec, slot, context);
    try {
      signal?.throwIfAborted();
      await this.#ask({ op: 'plug', options: device.slot }, spec.name);
    } catch (error) {
      await device.close();
      throw error;
    }
    devices.set(slot, device);
    this.arrange(new Map(this.#specs).set(slot, spec));
  }

  /** The slot is free when all of the device is closed. */
  async #take(slot: number): Promise<void> {
    await this.#arriving.get(slot)?.done.catch(() => {});
    const device = this.#on?.devices.get(slot);
    if (device === undefined) return;
    this.#on?.devices.delete(slot);
    const failed = (error: unknown): void => this.#failed(error);
    await this.#ask({ op: 'release', slot }).catch(failed);
    await device.close().catch(failed);
    this.#gone(slot);
  }

  /** With the board everything of it is gone. */
  #failed(error: unknown): void {
    if (!(error instanceof MachineStateError)) this.#events.failed(error);
  }

  #gone(slot: number): void {
    const spec = this.#specs.get(slot);
    if (spec === undefined) return;
    this.arrange(new Map([...this.#specs].filter(([other]) => other !== slot)));
    this.#departures.gone(slot);
    this.#events.unplugged(deviceInfo(spec, slot));
  }

  /** @throws PlugError; MachineStateError where the board ends before it answers */
  async #ask(question: SlotQuestion, name = 'the device'): Promise<void> {
    const { failed } = (await this.#reach(question)) as SlotAnswer;
    if (failed !== null) throw new PlugError(name, failed);
  }

  async #reach(question: SlotQuestion): Promise<unknown> {
    const board = this.#on?.board ?? null;
    try {
      if (board !== null) return await board.ask(question);
    } catch (error) {
      if (this.#on?.board === board) throw error;
    }
    throw new MachineStateError('reach its devices', 'off');
  }

  #step<T>(step: Promise<T>): Promise<T> {
    this.#steps.add(step);
    const end = (): void => void this.#steps.delete(step);
    step.then(end, end);
    return step;
  }

  #freeSlot(spec: DeviceSpec): number {
    const { id } = deviceInfo(spec, 0);
    const others = [...this.#specs.values(), ...[...this.#arriving.values()].map((one) => one.spec)];
    if (others.some((other) => deviceInfo(other, 0).id === id)) throw new DeviceIdError(id, 'is there already');
    for (let slot = 1; slot < PCI_SLOTS; slot++) {
      if (!this.#specs.has(slot) && !this.#arriving.has(slot)) return slot;
    }
    throw new BusFullError(PCI_SLOTS - 1);
  }

  #slotOf(id: string): number {
    const found = this.infos.filter((info) => info.id === id);
    if (found.length === 0) throw new DeviceIdError(id, 'is no device of this machine');
    if (found.length > 1) throw new DeviceIdError(id, `is ${found.length} devices: give them ids`);
    return found[0]!.slot;
  }
}
