/** A device of a machine that is switched on, and what its queues count. */
import type { Memfd } from '../../native/index.js';
import { type QueueFigure, QueueFigures } from '../../virtio/runner/index.js';
import type { SlotOptions } from '../board/board.js';
import { type DeviceSpec, VHOST_USER } from './device-spec.js';
import type { RemotePort } from './remote-regions.js';

export interface DeviceFigures {
  readonly name: string;
  readonly attach: string;
  /** Device number on the PCI bus. */
  readonly slot: number;
  /** By queue, as of its last kick or interrupt. Null where a vhost-user backend has the queues: it knows. */
  readonly queues: readonly QueueFigure[] | null;
}

export class AttachedDevice {
  readonly slot: SlotOptions;
  /** Where its state is, named after its slot; null where that is part of the board's. */
  readonly state: RemotePort | null;
  readonly #spec: DeviceSpec;
  readonly #figures: QueueFigures | null;

  constructor(spec: DeviceSpec, slot: SlotOptions, figures: QueueFigures | null, state: RemotePort | null) {
    this.#spec = spec;
    this.slot = slot;
    this.#figures = figures;
    this.state = state === null ? null : { ...state, name: `slot ${slot.slot}` };
  }

  figures(): DeviceFigures {
    const { name, attach } = this.#spec;
    return { name, attach, slot: this.slot.slot, queues: this.#figures?.read() ?? null };
  }
}

/** Null for queues that are not this machine's. */
export function figuresFile({ attach, queues }: DeviceSpec): Memfd | null {
  return attach.startsWith(VHOST_USER) ? null : QueueFigures.createFile(queues);
}
