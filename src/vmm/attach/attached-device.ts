/** A device of a machine that is switched on, and what its queues count. */
import type { FailureReason } from '../../ioregion/index.js';
import type { Memfd } from '../../native/index.js';
import { type QueueFigure, QueueFigures } from '../../virtio/runner/index.js';
import type { SlotOptions } from '../board/board-slots.js';
import type { Attachment } from './attachment.js';
import { type DeviceSpec, VHOST_USER } from './device-spec.js';
import type { RemotePort } from './remote-regions.js';

/** A device of a machine, as people and programs name it. */
export interface DeviceInfo {
  /** Its `id`, or where that is not given its name. */
  readonly id: string;
  readonly name: string;
  readonly attach: string;
  /** Device number on the PCI bus. */
  readonly slot: number;
}

export interface DeviceFigures extends DeviceInfo {
  /** By queue, as of its last kick or interrupt. Null where a vhost-user backend has the queues: it knows. */
  readonly queues: readonly QueueFigure[] | null;
}

export interface AttachedParts {
  readonly slot: number;
  readonly attachment: Attachment;
  readonly figures: QueueFigures | null;
  /** Ends all that is outside of the board, when the board has let go of the device. */
  close(): Promise<void>;
}

export class AttachedDevice {
  readonly slot: SlotOptions;
  /** Where its state is, named after its slot; null where that is part of the board's. */
  readonly state: RemotePort | null;
  readonly #spec: DeviceSpec;
  readonly #parts: AttachedParts;

  constructor(spec: DeviceSpec, parts: AttachedParts) {
    const { slot, attachment } = parts;
    this.#spec = spec;
    this.#parts = parts;
    attachment.arrived.catch(() => {}); /* a machine that ends before does not ask */
    this.slot = { slot, ...attachment.slot };
    this.state = attachment.state === undefined ? null : { ...attachment.state, name: `slot ${slot}` };
  }

  /** Resolves when the device is there, or rejects with why it is not. */
  get arrived(): Promise<void> {
    return this.#parts.attachment.arrived;
  }

  get info(): DeviceInfo {
    return deviceInfo(this.#spec, this.slot.slot);
  }

  figures(): DeviceFigures {
    return { ...this.info, queues: this.#parts.figures?.read() ?? null };
  }

  /** Its registers do not answer any more. */
  lost(reason: FailureReason): void {
    this.#parts.attachment.lost?.(reason);
  }

  /** Its machine is about to end. */
  ending(): void {
    this.#parts.attachment.ending?.();
  }

  /** The board has let go of it, or is gone. */
  close(): Promise<void> {
    return this.#parts.close();
  }
}

export function deviceInfo({ id, name, attach }: DeviceSpec, slot: number): DeviceInfo {
  return { id: id ?? name, name, attach, slot };
}

/** Null for queues that are not this machine's. */
export function figuresFile({ attach, queues }: DeviceSpec): Memfd | null {
  return attach.startsWith(VHOST_USER) ? null : QueueFigures.createFile(queues);
}
