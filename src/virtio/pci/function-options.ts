/** A function described by plain data, so that it can be made on another thread or in another process. */
import type { DeviceModule } from '../../ioregion/server/device-module.js';
import type { SharedRegion } from '../../memory/index.js';
import type { IoeventfdLimit } from '../host-notifier/index.js';
import type { SharedGsiRoutes } from '../interrupt/index.js';
import type { VirtioPciFunctionOptions } from './function.js';
import type { FunctionRegionOptions } from './region-factory.js';

/** An open file: its number in this process, or the name by which it comes along (`DeviceContext.fds`). */
export type FdRef = number | string;

export interface FunctionModuleOptions extends FunctionPlacement {
  /** The module of the virtio device. */
  readonly device: DeviceModule;
  /**
   * Where the device runs: on a Worker of its own (the default), or on the thread of the registers. The latter needs a device
   * that does its work in `kick`, and has no host notifiers.
   */
  readonly dataPlane?: 'worker' | 'registers';
  /** The host CPUs of the device's Worker. Default: any. */
  readonly cpus?: readonly number[];
  /** A file of QueueFigures, for a device with a Worker. Default: nothing is counted. */
  readonly figures?: FdRef;
  /** Features of the queues to offer, as a decimal or hexadecimal number. Default: all that the engine has. */
  readonly ringFeatures?: string;
}

/** What is the same for every device. */
export interface FunctionPlacement extends FunctionRegionOptions {
  /** Guest memory: `share()`, with references for descriptors. */
  readonly memory: { readonly fds: readonly FdRef[]; readonly regions: readonly SharedRegion[] };
  readonly interrupts: InterruptWiringOptions;
  /** Who binds ioeventfds. Default: nobody, every kick is a register access. */
  readonly kicks?: KickWiringOptions;
  /** What firmware would program: addresses by BAR number. */
  readonly bars?: Readonly<Record<number, number>>;
  /** Where messages of the device go: `stderr`, or (the default) nowhere. */
  readonly log?: 'stderr';
  readonly function?: FunctionFlags;
}

/** As in VirtioPciFunctionOptions. */
export type FunctionFlags = Pick<
  VirtioPciFunctionOptions,
  'transitional' | 'vectors' | 'notificationData' | 'anyWidthKicks'
>;

export type InterruptWiringOptions =
  /** ioctls on a VM of this process. */
  | { readonly kind: 'kvm'; readonly vm: FdRef; readonly pinGsi?: number }
  /** Irqfds of a VM of this process: `IrqfdVectors`. */
  | {
      readonly kind: 'irqfds';
      readonly eventfds: readonly FdRef[];
      readonly routes: SharedGsiRoutes;
      readonly firstGsi: number;
      readonly pinGsi?: number;
    }
  /** Irqfds of a VM in another process, at the other end of a VM link. */
  | { readonly kind: 'link'; readonly eventfds: readonly FdRef[]; readonly socket: FdRef; readonly pin?: boolean }
  /** Eventfds that somebody else listens to. */
  | { readonly kind: 'eventfds'; readonly eventfds: readonly FdRef[] };

export type KickWiringOptions =
  | { readonly kind: 'kvm'; readonly vm: FdRef; readonly limit?: IoeventfdLimit }
  /** The VMM says what its host can spare: probing needs a doorbell that is not the function's. */
  | { readonly kind: 'link'; readonly socket: FdRef; readonly limit: IoeventfdLimit };
