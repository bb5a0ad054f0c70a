/** What a machine tells those who listen. */
import { EventEmitter } from 'node:events';
import type { VcpuExit } from '../../kvm/index.js';
import type { IoregionError } from '../../native/index.js';
import type { DeviceInfo } from '../attach/index.js';
import type { MachineEnd } from './machine-end.js';

export type MachineState = 'off' | 'starting' | 'running' | 'paused' | 'saving' | 'stopping';

export interface MachineEvents {
  /** The state has changed. */
  state: [state: MachineState];
  /** A run has come to its end, and all of the machine is gone. */
  end: [end: MachineEnd];
  /** A device is gone although the machine goes on, without it or by a power cycle. */
  failure: [failure: IoregionError];
  /** A device is in its slot, and the guest has been told. */
  plugged: [device: DeviceInfo];
  /** The guest has let go of a device, of its own accord or because it was asked to, and all of it is closed. */
  unplugged: [device: DeviceInfo];
  /** A vCPU left the guest for something that no device took: an access (which read as all ones), or why it stopped. */
  exit: [exit: VcpuExit, vcpu: number];
}

/** Listeners are called after what happened, on a turn of their own: what they throw is uncaught, and harms no machine. */
export class MachineEmitter extends EventEmitter<MachineEvents> {
  /** Whether anybody listens. */
  protected tell<Name extends keyof MachineEvents>(name: Name, ...args: MachineEvents[Name]): boolean {
    if (this.listenerCount(name) === 0) return false;
    const { emit } = this as unknown as { emit(name: string, ...args: unknown[]): boolean };
    queueMicrotask(() => emit.call(this, name, ...args));
    return true;
  }
}
