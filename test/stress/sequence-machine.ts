/** Two regions on one shared fd, served by one thread, and callers that make mixed accesses to both. */
import { LoopbackDispatcher, NativeDispatcher, type Region, RegionServerThread } from 'ioregion/ioregion';
import { closeAll, type Fd, type SocketType, socketpair } from 'ioregion/native';
import { CallerThread } from './caller-thread.js';
import { SEQUENCE, type SequenceOptions } from './devices/sequence.js';
import { GuestMachine } from './guest-machine.js';
import type { Performer } from './performer.js';
import { VcpuPerformer } from './vcpu-performer.js';

const MODULE = new URL('./devices/sequence.js', import.meta.url).href;

/** Where the regions are: writes to the ports are posted. */
export const PLACES = [
  { space: 'mmio', gpa: 0xd000_0000, userData: 1, postedWrites: false },
  { space: 'pio', gpa: 0x1000, userData: 2, postedWrites: true },
] as const;

export interface SequenceMachineOptions {
  readonly kind: 'loopback' | 'kvm';
  readonly callers: number;
  readonly socketType?: SocketType;
  readonly device?: SequenceOptions;
}

export class SequenceMachine {
  readonly dispatcher: NativeDispatcher;
  readonly regions: readonly Region[];
  readonly performers: readonly Performer[];
  readonly #server: RegionServerThread;
  readonly #fd: Fd;
  readonly #guest: GuestMachine | null;

  private constructor(parts: Pick<SequenceMachine, 'dispatcher' | 'regions' | 'performers'>, rest: Rest) {
    this.dispatcher = parts.dispatcher;
    this.regions = parts.regions;
    this.performers = parts.performers;
    this.#server = rest.server;
    this.#fd = rest.fd;
    this.#guest = rest.guest;
  }

  static async start(options: SequenceMachineOptions): Promise<SequenceMachine> {
    const [fd, device] = socketpair(options.socketType ?? 'seqpacket');
    const dispatcher = options.kind === 'kvm' ? new NativeDispatcher() : new LoopbackDispatcher();
    const regions = PLACES.map((place) => {
      return dispatcher.addRegion({ ...place, size: SEQUENCE.size, readFd: fd, writeFd: fd, policy: { kind: 'stop' } });
    });
    const served = PLACES.map(({ userData }) => ({ userData, device: { module: MODULE, options: options.device } }));
    const server = await RegionServerThread.start({ readFd: device, writeFd: device, regions: served });
    device.close();
    try {
      const { guest, performers } = await startCallers(options, dispatcher);
      return new SequenceMachine({ dispatcher, regions, performers }, { server, fd, guest });
    } catch (error) {
      closeAll([fd]);
      dispatcher.close();
      await server.close();
      throw error;
    }
  }

  /** What the devices say at each of the offsets, by offset and region. While nobody performs. */
  async status(offsets: readonly number[]): Promise<readonly (number | null)[][]> {
    const reads = offsets.flatMap((offset) =>
      PLACES.map(({ space, gpa }) => ({ space, address: gpa + offset, size: 4 as const })),
    );
    const values = await this.performers[0]!.perform(reads);
    return offsets.map((_, index) => values.slice(index * PLACES.length, (index + 1) * PLACES.length));
  }

  async close(): Promise<void> {
    await Promise.all(this.performers.map((performer) => performer.close()));
    await this.#guest?.close();
    closeAll([this.#fd]);
    this.dispatcher.close();
    await this.#server.ended;
    await this.#server.close();
  }
}

interface Rest {
  readonly server: RegionServerThread;
  readonly fd: Fd;
  readonly guest: GuestMachine | null;
}

async function startCallers({ kind, callers }: SequenceMachineOptions, dispatcher: NativeDispatcher) {
  const numbers = Array.from({ length: callers }, (_, index) => index);
  if (kind === 'loopback') {
    return { guest: null, performers: await Promise.all(numbers.map(() => CallerThread.start(dispatcher))) };
  }
  const guest = await GuestMachine.start({ guest: 'oplist', vcpus: numbers.map(() => ({ dispatcher })) });
  return { guest, performers: numbers.map((vcpu) => new VcpuPerformer(guest, vcpu)) };
}
