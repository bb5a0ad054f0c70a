/** The functions in the slots of a board's PCI bus, on the board's thread: made, put in while the guest runs, and taken out by it. */
import type { MessagePort } from 'node:worker_threads';
import type { FailureReason } from '../../ioregion/dispatcher/failure.js';
import { NO_CONTEXT } from '../../ioregion/server/device-module.js';
import type { VhostUserFunctionOptions } from '../../vhost-user/index.js';
import type { Starting } from '../../virtio/control/index.js';
import {
  beginFunction,
  type ConfigSpace,
  type FunctionModuleOptions,
  type FunctionShape,
  hasPin,
  type LayoutOptions,
  VirtioPciFunction,
} from '../../virtio/pci/index.js';
import type { Suspendable } from '../../virtio/state/index.js';
import { metered, type SharedMeters } from '../metrics/region-meters.js';
import { type ForwardedFunction, openForwardedFunction, type PciBus, type PciFunction } from '../pci/index.js';
import { slotMeter } from './board-meters.js';
import { LateFunction } from './late-function.js';

/** A slot of the bus: a function that is made on the board's thread, one that is elsewhere, or one with a backend. */
export interface SlotOptions {
  readonly slot: number;
  readonly here?: FunctionModuleOptions;
  readonly elsewhere?: ForwardedFunction;
  readonly vhostUser?: VhostUserFunctionOptions;
  /** For functions here and those with a backend, of a machine that starts: the guest need not wait for them. */
  readonly late?: LateArrival;
}

export interface LateArrival {
  readonly shape: LayoutOptions;
  /** Virtio device ID; undefined where only the device knows. */
  readonly deviceType: number | undefined;
  /** Is told what came of it (a StartReply). */
  readonly arrival: MessagePort;
}

/** The function of a slot elsewhere does not answer any more. */
export type LostListener = (slot: number, reason: FailureReason) => void;

export class BoardSlots {
  /** Those whose state is on this thread, by slot. */
  readonly suspendable = new Map<number, Suspendable>();
  readonly #bus: PciBus;
  readonly #meters: SharedMeters;
  readonly #onLost: LostListener;
  /** Taken out, and not closed yet. */
  readonly #leaving = new Map<number, PciFunction>();
  /** Not begun yet. */
  readonly #late: LateFunction[] = [];
  /** On their way in. */
  readonly #arriving = new Set<Promise<void>>();

  constructor(bus: PciBus, meters: SharedMeters, onLost: LostListener) {
    this.#bus = bus;
    this.#meters = meters;
    this.#onLost = onLost;
  }

  /** Of a machine that starts. @throws what devices throw that are not late */
  async plugAll(slots: readonly SlotOptions[]): Promise<void> {
    const made = await Promise.all(slots.map((options) => functionOf(options, this.#onLost)));
    for (const [index, { slot }] of slots.entries()) this.#put(slot, made[index]!);
    setImmediate(prepareAll, [...this.#late]); /* while the machine's owner makes the rest of it */
  }

  /** Starts the functions that are late. */
  begin(): void {
    for (const late of this.#late.splice(0)) late.begin();
  }

  /** @throws what the device throws; RangeError where the slot is taken */
  async plug(options: SlotOptions): Promise<void> {
    const arriving = this.#plug(options);
    this.#arriving.add(arriving);
    await arriving.finally(() => this.#arriving.delete(arriving));
  }

  /** The guest reaches it no more, and it is to be released. False where there is nothing in the slot. */
  eject(slot: number): boolean {
    const taken = this.#bus.unplug(slot);
    if (taken === null) return false;
    this.suspendable.delete(slot);
    this.#leaving.set(slot, taken);
    return true;
  }

  has(slot: number): boolean {
    return this.#bus.has(slot);
  }

  /** Ends the function that was taken out of the slot, with all that was in flight. Idempotent. */
  async release(slot: number): Promise<void> {
    const taken = this.#leaving.get(slot);
    this.#leaving.delete(slot);
    await taken?.close?.();
  }

  /** Ends all functions that are there, coming or leaving. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#arriving);
    await Promise.all([this.#bus.close(), ...[...this.#leaving.keys()].map((slot) => this.release(slot))]);
  }

  async #plug(options: SlotOptions): Promise<void> {
    const made = await functionOf(options, this.#onLost);
    try {
      this.#put(options.slot, made);
    } catch (error) {
      await made.close?.();
      throw error;
    }
  }

  #put(slot: number, made: SlotFunction): void {
    this.#bus.plug(slot, meteredFunction(this.#meters, slot, made));
    if (made instanceof LateFunction) this.#late.push(made);
    if (made instanceof VirtioPciFunction || made instanceof LateFunction) this.suspendable.set(slot, made);
  }
}

function prepareAll(functions: readonly LateFunction[]): void {
  for (const late of functions) late.prepare();
}

type SlotFunction = PciFunction | VirtioPciFunction | LateFunction;

async function functionOf(options: SlotOptions, onLost: LostListener): Promise<SlotFunction> {
  const { slot, elsewhere, late } = options;
  if (elsewhere !== undefined) return openForwardedFunction(elsewhere, (reason) => onLost(slot, reason));
  const begin = await beginOf(options);
  if (late === undefined) return await begin().ready();
  const firmware = (options.here ?? options.vhostUser)?.bars ?? {};
  return new LateFunction({ begin, shape: late.shape, described: describedShape(options), firmware });
}

/** A backend may have less configuration space than described. */
function describedShape({ here, late }: SlotOptions): FunctionShape | null {
  if (here === undefined || late?.deviceType === undefined) return null;
  return { ...late.shape, deviceType: late.deviceType, hasPin: hasPin(here.interrupts) };
}

type Begin = (config?: () => ConfigSpace) => Starting<VirtioPciFunction>;

async function beginOf({ here, vhostUser, late }: SlotOptions): Promise<Begin> {
  if (here !== undefined) return (config) => beginFunction(here, NO_CONTEXT, late && { arrival: late.arrival, config });
  // Loaded for those that need it: half of the modules of a board would be its.
  const { beginVhostUserFunction } = await import('../../vhost-user/index.js');
  return () => beginVhostUserFunction(vhostUser!, NO_CONTEXT, late?.arrival);
}

function meteredFunction(meters: SharedMeters, slot: number, pciFunction: PciFunction): PciFunction {
  const { config, firmware } = pciFunction;
  const regions = pciFunction.regions.map((region) => {
    return { ...region, device: metered(meters, slotMeter(slot), region.device) };
  });
  const placed = firmware === undefined ? {} : { firmware };
  return { config, regions, ...placed, close: async () => await pciFunction.close?.() };
}
