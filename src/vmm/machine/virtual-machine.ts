/** A machine, from its description to its end. */
import { KvmStats, type Vcpu, type VcpuExit, type VcpuThread } from '../../kvm/index.js';
import { Disposables, type IoregionError } from '../../native/index.js';
import { GsiRoutes } from '../../virtio/interrupt/index.js';
import { checkDevices, type DeviceInfo, type DevicePolicy, type PlugDescription } from '../attach/index.js';
import { createBoardMeters } from '../board/board-meters.js';
import type { GuestRequest, LostSlot } from '../board/machine-signal.js';
import { type CloseList, closeAll } from '../close-list.js';
import { HotplugCounts } from '../devices/pci-hotplug.js';
import { MachineStateError } from '../errors.js';
import { ExitCounts } from '../metrics/exit-counts.js';
import { collectMetrics, type MachineMetrics } from '../metrics/machine-metrics.js';
import type { OpenSnapshot, SnapshotSize } from '../snapshot/index.js';
import type { UnplugOptions } from './departures.js';
import {
  type CheckedDescription,
  checkDescription,
  checkedSpec,
  type MachineDescription,
  type RestoreDescription,
} from './description.js';
import { DeviceBay, type PlugOptions } from './device-bay.js';
import { buildHardware, type Hardware } from './hardware.js';
import type { MachineEnd } from './machine-end.js';
import { MachineEmitter, type MachineState } from './machine-events.js';
import { countOf, type PoweredOn, type PowerOnCounts } from './powered-on.js';
import { VcpuLoop } from './vcpu-loop.js';
import { createVcpus } from './vcpus.js';

/** Of a description that needs no kernel. */
const RESTORED = Symbol('restored');

export interface StartOptions {
  /** Stops the machine when it aborts. */
  readonly signal?: AbortSignal;
  /** Started ahead, for the first vCPU. Whoever made it closes it where the machine does not start. */
  readonly thread?: VcpuThread;
}

/** The machine itself has called the vCPU out of the guest. */
const OWN_EXITS: ReadonlySet<string> = new Set(['interrupted', 'settled', 'KVM_EXIT_INTR']);

/**
 * Belongs to a thread with an event loop. Nothing is shared between machines: several may run in one process.
 *
 *     const machine = new VirtualMachine({ kernel: 'vmlinuz', serial: { output: process.stdout } });
 *     machine.on('failure', (error) => console.error(error.code));
 *     await machine.start({ signal: AbortSignal.timeout(60_000) });
 *     const { reason } = await machine.ended;
 *
 * Events: see MachineEvents.
 */
export class VirtualMachine extends MachineEmitter {
  readonly #description: CheckedDescription;
  readonly #counts = new ExitCounts();
  readonly #meters = createBoardMeters();
  readonly #hotplug = new HotplugCounts();
  readonly #bay: DeviceBay;
  #startMs = 0;
  /** What was counted until the machine was switched off. */
  #last: PowerOnCounts = { kvm: [], devices: [] };
  #state: MachineState = 'off';
  #on: PoweredOn | null = null;
  #ended: Promise<MachineEnd> = Promise.resolve({ reason: 'stopped' });
  /** `stop` has been called since the last start. */
  #stopping = false;
  #settle: (end: MachineEnd) => void = () => {};
  /** Resolves when all devices of this power cycle are there, or one of them is not. */
  #arrival: Promise<void> = Promise.resolve();

  /** @throws MachineOptionError */
  constructor(description: MachineDescription) {
    super();
    this.#description = checkDescription(description, RESTORED in description);
    this.#bay = new DeviceBay(this.#description.devices, {
      plugged: (device) => this.tell('plugged', device),
      unplugged: (device) => this.tell('unplugged', device),
      failed: (error) => this.#report(error as IoregionError),
    });
  }

  /**
   * A machine that goes on where the one was that was saved to this directory, with devices of the same kinds in the same order:
   * the snapshot names no files, sockets or interfaces. Resolves when its vCPUs run; rejects as `start` does, and:
   * @throws SnapshotFileError, SnapshotFormatError, SnapshotMachineError, MachineOptionError
   */
  static async restore(
    path: string,
    description: RestoreDescription,
    options: StartOptions = {},
  ): Promise<VirtualMachine> {
    const { OpenSnapshot, placeDevices, shapeOf } = await import('./saving.js');
    const snapshot = await OpenSnapshot.open(path);
    try {
      const { memory, cpus } = snapshot.machine;
      const restored = { memory, cpus, ...description, [RESTORED]: true } as MachineDescription;
      const machine = new VirtualMachine(restored);
      const shape = shapeOf(machine.#description, machine.#bay.specs);
      machine.#bay.arrange(placeDevices(snapshot.machine, shape, machine.#description.devices));
      await machine.#begin(snapshot, options);
      return machine;
    } finally {
      await snapshot.close();
    }
  }

  get state(): MachineState {
    return this.#state;
  }

  /** Resolves with the end of the run that the last `start` began, when all of the machine is gone. */
  get ended(): Promise<MachineEnd> {
    return this.#ended;
  }

  /**
   * Switches the machine on. The guest begins before its devices are there, and waits where it looks for one; resolves when all of
   * them are.
   * @throws MachineStateError where it is on; MachineFileError, KernelFormatError, GuestMemoryTooSmallError,
   * KvmUnavailableError and what its devices throw: the machine is off then
   */
  async start(options: StartOptions = {}): Promise<void> {
    this.#require('start', 'off');
    await this.#begin(null, options);
  }

  async #begin(snapshot: OpenSnapshot | null, { signal, thread }: StartOptions): Promise<void> {
    signal?.throwIfAborted();
    this.#stopping = false;
    this.#ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    void this.#ended.then((end) => this.tell('end', end));
    const stop = (): void => void this.stop();
    signal?.addEventListener('abort', stop, { once: true });
    void this.#ended.then(() => signal?.removeEventListener('abort', stop));
    try {
      await this.#powerOn(snapshot, thread ?? null);
    } catch (error) {
      this.#settle({ reason: 'stopped' });
      throw error;
    }
  }

  /** Stops all vCPUs where they are. @throws MachineStateError where it does not run */
  async pause(): Promise<void> {
    this.#require('pause', 'running');
    this.#enter('paused');
    const { loops, hardware } = this.#on!;
    await Promise.all(loops.map((loop) => loop.pause()));
    this.#bay.ejected(hardware.signal.takeEjected());
    await this.#bay.idle();
  }

  /** @throws MachineStateError where it is not paused */
  resume(): void {
    this.#require('resume', 'paused');
    this.#enter('running');
    for (const loop of this.#on!.loops) {
      loop.vcpu.state.notePause();
      loop.resume();
    }
  }

  /**
   * Saves all of the machine but its images to a directory, which must not exist. A machine that runs is paused meanwhile and goes
   * on; to keep its images as they are in the snapshot, pause it first, and copy them or stop it before it is resumed.
   * @throws MachineStateError, SnapshotFileError, RemoteStateError, KvmIoctlError: the machine goes on then
   */
  async snapshot(path: string): Promise<SnapshotSize> {
    const { saveTo, shapeOf } = await import('./saving.js');
    this.#require('save', 'running', 'paused');
    const wasRunning = this.#state === 'running';
    if (wasRunning) await this.pause();
    this.#require('save', 'paused');
    this.#enter('saving');
    const on = this.#on!;
    try {
      return await saveTo(path, on, shapeOf(this.#description, this.#bay.specs));
    } finally {
      if (this.#on === on) {
        this.#enter('paused');
        if (wasRunning) this.resume();
      }
    }
  }

  /** A power cycle: the same description, new hardware. @throws MachineStateError where it is off, and as `start` does */
  async reset(): Promise<void> {
    this.#require('reset', 'running', 'paused');
    try {
      await this.#powerOff();
      await this.#powerOn(null, null);
    } catch (error) {
      this.#settle({ reason: 'failed', error: error as IoregionError });
      throw error;
    }
  }

  /**
   * Switches the machine off: resolves when its threads, files and memory are gone. A machine that is being switched on
   * goes off again as soon as it is. Idempotent.
   */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#on !== null) await this.#end({ reason: 'stopped' });
    await this.#ended;
  }

  /** Presses the power button: a guest that listens shuts down. @throws MachineStateError */
  pressPowerButton(): void {
    this.#require('press the power button', 'running', 'paused');
    this.#on!.hardware.power.pressPowerButton();
  }

  /** The devices that the machine has now, by slot; while it is off, those it will start with. */
  get devices(): readonly DeviceInfo[] {
    return this.#bay.infos;
  }

  /**
   * Puts a device into the lowest free PCI slot, and tells the guest; resolves then. It stays over resets.
   * @throws MachineStateError where the machine does not run, MachineOptionError, DeviceIdError, BusFullError, PlugError, and what the
   * device throws: nothing of it is left then
   */
  async plug(description: PlugDescription, options: PlugOptions = {}): Promise<DeviceInfo> {
    this.#require('plug a device in', 'running');
    return await this.#bay.plug(checkedSpec(description), options);
  }

  /**
   * Asks the guest to let go of a device; resolves when it has, and all of the device is closed. A reset in between takes it too.
   * @throws MachineStateError where the machine does not run, DeviceIdError; UnplugTimeoutError, or the reason of the signal: the guest
   * still has the device, and may let go of it later
   */
  async unplug(id: string, options: UnplugOptions = {}): Promise<void> {
    this.#require('unplug a device', 'running');
    await this.#bay.unplug(id, options);
  }

  /** What has been counted since the machine was made; `kvm` and `devices` since it was switched on the last time. */
  metrics(): MachineMetrics {
    const { memory: guestMemoryBytes } = this.#description;
    const { kvm, devices } = this.#on === null ? this.#last : countOf(this.#on);
    const own = { counts: this.#counts, meters: this.#meters, hotplug: this.#hotplug, startMs: this.#startMs };
    return collectMetrics({ ...own, kvm, devices, guestMemoryBytes });
  }

  async #powerOn(snapshot: OpenSnapshot | null, thread: VcpuThread | null): Promise<void> {
    this.#enter('starting');
    const began = performance.now();
    const closing: CloseList = [];
    try {
      const on = await this.#build(snapshot, thread, closing);
      this.#arrival = this.#bay.arrived().catch(() => {});
      if (snapshot !== null) await this.#restore(on, snapshot);
      this.#on = on;
      this.#startMs = performance.now() - began;
      for (const loop of on.loops) loop.start();
    } catch (error) {
      await closeAll(closing);
      this.#enter('off');
      throw error;
    }
    if (this.#stopping) await this.#end({ reason: 'stopped' });
    else await this.#complete(this.#on);
  }

  async #restore(on: PoweredOn, snapshot: OpenSnapshot): Promise<void> {
    const { restoreTo } = await import('./saving.js');
    await this.#bay.arrived();
    await restoreTo(on, snapshot);
  }

  /** The guest runs: until its devices are there. What it ended for meanwhile is no failure to start. */
  async #complete(on: PoweredOn): Promise<void> {
    try {
      on.hardware.serial?.connect();
      await this.#bay.arrived();
      if (this.#on === on) this.#enter('running');
    } catch (error) {
      if (this.#on !== on) return;
      await this.#powerOff();
      throw error;
    }
  }

  /** What a guest or a device gives cause for waits for all devices: one that is missing may be the cause of it. */
  #onceArrived(action: () => void): void {
    const arrival = this.#arrival;
    void arrival.then(() => {
      if (this.#arrival === arrival) action();
    });
  }

  async #build(snapshot: OpenSnapshot | null, thread: VcpuThread | null, closing: CloseList): Promise<PoweredOn> {
    const undo = new Disposables();
    closing.push(async () => undo[Symbol.dispose]());
    await checkDevices([...this.#bay.specs.values()]);
    const wishes = {
      onRequest: (request: GuestRequest): void => this.#onceArrived(() => this.#onRequest(request)),
      onEjected: (slots: readonly number[]): void => this.#bay.ejected(slots),
      onLost: (slots: readonly LostSlot[]): void => this.#bay.lost(slots),
    };
    const counting = { meters: this.#meters, hotplug: this.#hotplug.words };
    const hardware = buildHardware(this.#description, undo, counting, wishes, snapshot !== null);
    await snapshot?.loadMemory(hardware.memory);
    await this.#bay.powerOn(this.#attachContext(hardware), snapshot === null);
    closing.push(() => this.#bay.powerOff());
    const slots = this.#bay.attached.map(({ slot }) => slot);
    const furnished = { ...hardware, board: { ...hardware.board, slots } };
    const { vcpus, boardState, boardLink } = await createVcpus(this.#description, furnished, closing, thread);
    const stats = vcpus.map(({ state }) => KvmStats.open(state.fd));
    for (const one of stats) closing.push(async () => one?.close());
    const loops = vcpus.map((vcpu) => this.#loopOf(vcpu));
    this.#bay.connect(boardLink ?? loops[0]!);
    return { hardware, loops, devices: this.#bay, stats, closing, boardState };
  }

  #loopOf(vcpu: Vcpu): VcpuLoop {
    const onExit = (exit: VcpuExit): void => {
      this.#counts.count(exit.reason);
      if (!OWN_EXITS.has(exit.reason)) this.tell('exit', exit, vcpu.id);
    };
    return new VcpuLoop(vcpu, onExit, (end) => this.#onceArrived(() => void this.#end(end)));
  }

  #attachContext({ vm, memory }: Hardware) {
    const onFailure = (error: IoregionError, policy: DevicePolicy): void =>
      this.#onceArrived(() => this.#onDeviceFailure(error, policy));
    return { vm, memory, routes: GsiRoutes.create(vm), onFailure };
  }

  #onDeviceFailure(error: IoregionError, policy: DevicePolicy): void {
    if (this.#on === null) return;
    if (policy === 'stop') return void this.#end({ reason: 'failed', error });
    this.#report(error);
    if (policy === 'restart') void this.reset().catch(() => {});
  }

  #report(error: IoregionError): void {
    if (!this.tell('failure', error)) process.emitWarning(error);
  }

  async #powerOff(): Promise<void> {
    this.#enter('stopping');
    const on = this.#on!;
    const { loops, closing } = on;
    this.#on = null;
    this.#last = countOf(on);
    this.#bay.disconnect();
    try {
      await Promise.all(loops.map((loop) => loop.close()));
      this.#bay.ejected(on.hardware.signal.takeEjected());
    } finally {
      await closeAll(closing).finally(() => {
        this.#enter('off');
      });
    }
  }

  /** The first end counts. */
  async #end(end: MachineEnd): Promise<void> {
    if (this.#on === null) return;
    try {
      await this.#powerOff();
      this.#settle(end);
    } catch (error) {
      this.#settle({ reason: 'failed', error: error as IoregionError });
    }
  }

  #onRequest(request: GuestRequest): void {
    if (this.#on === null) return;
    if (request.kind === 'debug-exit') void this.#end({ reason: 'debug-exit', code: request.code });
    else if (request.kind === 'reset' && this.#description.restarts) void this.reset().catch(() => {});
    else void this.#end({ reason: request.kind });
  }

  #enter(state: MachineState): void {
    this.#state = state;
    this.tell('state', state);
  }

  #require(action: string, ...states: MachineState[]): void {
    if (!states.includes(this.#state)) throw new MachineStateError(action, this.#state);
  }
}
