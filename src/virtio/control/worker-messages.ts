/** What a transport and the data-plane Worker of its device say to each other. */
import type { MessagePort } from 'node:worker_threads';
import type { DeviceModule } from '../../ioregion/server/device-module.js';
import type { SharedMemory } from '../../memory/index.js';
import type { SharedInterrupts } from '../interrupt/index.js';
import type { QueueSetup } from '../queue/index.js';
import type { DeviceDescription } from './device-control.js';
import type { ReplyAddress } from './sync-reply.js';

/** What an entry needs, as plain data. */
export type WorkerData = Readonly<Record<string, unknown>>;

/** What `StartingWorker` adds. */
export type StartWorkerData = WorkerData & {
  readonly logToStderr: boolean;
  /** Where a thread may wait for the device. */
  readonly reply: ReplyAddress;
  /** Who else is told that the device is there, or why not: a StartReply. */
  readonly arrival: MessagePort | null;
};

export type ControlWorkerData = {
  readonly device: DeviceModule;
  readonly memory: SharedMemory;
  readonly ringFeatures: bigint | null;
  readonly cpus: readonly number[] | null;
  /** Number of a file of QueueFigures. */
  readonly figures: number | null;
  /** Numbers of open files for the device, by name. */
  readonly fds: Readonly<Record<string, number>>;
};

/** A queue to start; the number is of an eventfd that stays open while the Worker runs. */
export interface WorkerQueue {
  readonly setup: QueueSetup;
  readonly kickFd: number;
}

export type ControlRequest =
  | {
      readonly type: 'activate';
      readonly driverFeatures: bigint;
      readonly queues: readonly WorkerQueue[];
      readonly interrupts: SharedInterrupts;
    }
  | { readonly type: 'start-queue'; readonly queue: WorkerQueue }
  | { readonly type: 'stop-queue'; readonly index: number }
  | { readonly type: 'write-config'; readonly offset: number; readonly size: number; readonly value: number }
  | { readonly type: 'reset' }
  | { readonly type: 'save'; readonly reply: ReplyAddress }
  | { readonly type: 'restore'; readonly state: unknown; readonly reply: ReplyAddress }
  /** Replied to when all that was asked for before has come to its end. */
  | { readonly type: 'settle' }
  | { readonly type: 'close' };

/** To `save` and `restore`. */
export type StateReply = { readonly state: unknown } | { readonly failed: string };

export interface ReadyReply {
  readonly type: 'ready';
  readonly description: DeviceDescription;
  readonly state: SharedArrayBuffer;
  readonly config: SharedArrayBuffer;
}

export type StartReply = ReadyReply | { readonly type: 'failed'; readonly message: string };

export type ControlReply =
  | StartReply
  | { readonly type: 'settled' }
  | { readonly type: 'log'; readonly message: string };
