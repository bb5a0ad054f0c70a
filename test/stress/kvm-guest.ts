/** The oplist guest as something that makes accesses. */
import { NativeDispatcher } from 'ioregion/ioregion';
import {
  LAYOUT,
  mmioRead,
  mmioWrite,
  type Op,
  pioRead,
  pioWrite,
  readOpResult,
  writeOplist,
} from '../../guests/index.js';
import type { Access, AccessGuest, AccessRun } from './guest.js';
import { GuestMachine } from './guest-machine.js';

export class KvmGuest implements AccessGuest {
  readonly dispatcher: NativeDispatcher;
  readonly #machine: GuestMachine;

  private constructor(dispatcher: NativeDispatcher, machine: GuestMachine) {
    this.dispatcher = dispatcher;
    this.#machine = machine;
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
    const { memory } = this.#machine;
    const list = LAYOUT.GUEST_FREE;
    let stops = 0;
    writeOplist(memory, list, accesses.map(toOp));
    this.#machine.enter(0, list);
    await this.#machine.runToEnd(0, () => {
      stops += 1;
    });
    const values = accesses.map(({ value }, index) =>
      value === undefined ? Number(readOpResult(memory, list, index).value) : null,
    );
    return { values, stops };
  }

  async close(): Promise<void> {
    await this.#machine.close();
    this.dispatcher.close();
  }
}

function toOp({ space, address, size, value }: Access): Op {
  if (space === 'mmio') return value === undefined ? mmioRead(address, size) : mmioWrite(address, size, value);
  return value === undefined ? pioRead(address, size) : pioWrite(address, size, value);
}
