/** The oplist guest as something that makes accesses. */
import { NativeDispatcher } from 'ioregion/ioregion';
import type { Access, AccessGuest, AccessRun } from './guest.js';
import { GuestMachine } from './guest-machine.js';
import { VcpuPerformer } from './vcpu-performer.js';

export class KvmGuest implements AccessGuest {
  readonly dispatcher: NativeDispatcher;
  readonly #machine: GuestMachine;
  readonly #vcpu: VcpuPerformer;

  private constructor(dispatcher: NativeDispatcher, machine: GuestMachine) {
    this.dispatcher = dispatcher;
    this.#machine = machine;
    this.#vcpu = new VcpuPerformer(machine, 0);
  }

  static async start(): Promise<KvmGuest> {
    const dispatcher = new NativeDispatcher();
    try {
      return new KvmGuest(dispatcher, await GuestMachine.start({ guest: 'oplist', vcpus: [{ dispatcher }] }));
    } catch (error) {
      dispatcher.close();
      throw error;
    }
  }

  async perform(accesses: readonly Access[]): Promise<AccessRun> {
    const before = this.#vcpu.stops;
    const values = await this.#vcpu.perform(accesses);
    return { values, stops: this.#vcpu.stops - before };
  }

  async close(): Promise<void> {
    await this.#machine.close();
    this.dispatcher.close();
  }
}
