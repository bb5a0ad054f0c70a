/** One trial: a guest alternates between a region whose device process misbehaves and one that is served well. */
import type { FailurePolicy, Region, RegionFailure, RegionFds } from 'ioregion/ioregion';
import type { SocketType } from 'ioregion/native';
import { PATIENCE } from '../support/patience.js';
import type { Access, AccessGuest } from './guest.js';
import type { Misbehaviour } from './misbehaviour.js';
import { ScriptedDevice } from './scripted-process.js';

const FAILING = 0xd000_0000;
const HEALTHY = 0xd001_0000;
const REGION_BYTES = 0x1000;
const FAILING_USER_DATA = 0xfa11n;
const WRITTEN = 0xabcd;
const FIRST_VALUE = 0x5000;
const ALL_ONES = 0xffff_ffff;
/** Long against the load of a test machine, short against the patience of a tester. */
const DEADLINE_MS = 200 * PATIENCE;

export type PolicyKind = FailurePolicy['kind'];

/** The accesses to the failing region; the healthy one is read after each. */
const FAILING_ACCESSES: readonly Access[] = [
  { space: 'mmio', address: FAILING, size: 4 },
  { space: 'mmio', address: FAILING + 4, size: 4 },
  { space: 'mmio', address: FAILING + 8, size: 4, value: WRITTEN },
  { space: 'mmio', address: FAILING + 12, size: 4 },
];
const HEALTHY_READ: Access = { space: 'mmio', address: HEALTHY, size: 4 };
const ACCESSES = FAILING_ACCESSES.flatMap((access) => [access, HEALTHY_READ]);

/** What the accesses of a trial gave, and what the VMM was told. */
export interface TrialResult {
  readonly failures: readonly RegionFailure[];
  readonly failing: readonly (number | null)[];
  readonly healthy: readonly (number | null)[];
  readonly stops: number;
}

/** Runs trials on one guest, one after the other. */
export class FailureTrials {
  readonly #guest: AccessGuest;
  readonly #healthy: ScriptedDevice;
  #healthyReads = 0;

  private constructor(guest: AccessGuest, healthy: ScriptedDevice) {
    this.#guest = guest;
    this.#healthy = healthy;
    guest.dispatcher.addRegion({ space: 'mmio', gpa: HEALTHY, size: REGION_BYTES, ...fdsOf(healthy) });
  }

  static async start(guest: AccessGuest): Promise<FailureTrials> {
    const trials = new FailureTrials(guest, await ScriptedDevice.start('seqpacket', ['serve']));
    await guest.perform([]); /* what the first run needs for good (KVM starts a thread) is no leak of a trial */
    return trials;
  }

  /** The values that the healthy region must have given to the last trial. */
  get expectedHealthy(): readonly number[] {
    const first = FIRST_VALUE + this.#healthyReads - FAILING_ACCESSES.length;
    return FAILING_ACCESSES.map((_, index) => first + index);
  }

  async run(misbehaviour: Misbehaviour, socketType: SocketType, kind: PolicyKind): Promise<TrialResult> {
    const processes = [await ScriptedDevice.start(socketType, misbehaviour.steps)];
    const replace = async () => {
      const fresh = await ScriptedDevice.start(socketType, ['serve']);
      processes.push(fresh);
      return fresh;
    };
    const region = this.#addFailing(processes[0]!, kind === 'reconnect' ? { kind, reconnect: replace } : { kind });
    try {
      return await this.#perform();
    } finally {
      region.remove();
      await Promise.all(processes.map((process) => process.close()));
    }
  }

  async close(): Promise<void> {
    await this.#guest.close();
    await this.#healthy.close();
  }

  #addFailing(device: ScriptedDevice, policy: FailurePolicy): Region {
    const place = { space: 'mmio', gpa: FAILING, size: REGION_BYTES, userData: FAILING_USER_DATA } as const;
    return this.#guest.dispatcher.addRegion({ ...place, ...fdsOf(device), policy, deadlineMs: DEADLINE_MS });
  }

  async #perform(): Promise<TrialResult> {
    const failures: RegionFailure[] = [];
    this.#guest.dispatcher.onFailure = (failure) => failures.push(failure);
    const { values, stops } = await this.#guest.perform(ACCESSES);
    this.#healthyReads += FAILING_ACCESSES.length;
    const parity = (wanted: number) => values.filter((_, index) => index % 2 === wanted);
    return { failures, failing: parity(0), healthy: parity(1), stops };
  }
}

function fdsOf({ readFd, writeFd }: RegionFds): RegionFds {
  return { readFd, writeFd };
}

/** What the accesses to the failing region must have given. */
export function expectedFailing({ failsAt }: Misbehaviour, policy: PolicyKind): (number | null)[] {
  return FAILING_ACCESSES.map(({ value }, index) => {
    if (value !== undefined) return null;
    if (index < failsAt) return FIRST_VALUE + index;
    return policy === 'reconnect' ? FIRST_VALUE + index - failsAt : ALL_ONES;
  });
}

/** How often the guest must have stopped: at each access from the failed one on. */
export function expectedStops({ failsAt }: Misbehaviour, policy: PolicyKind): number {
  return policy === 'stop' ? FAILING_ACCESSES.length - failsAt : 0;
}

/** What the failure must say about itself. */
export function expectedFailure({ failsAt, reason, sent }: Misbehaviour, policy: PolicyKind) {
  const { address, value = 0, size, space } = FAILING_ACCESSES[failsAt]!;
  const access = { space, write: value !== 0, address: BigInt(address), size, value: BigInt(value) };
  const known = sent === undefined ? access : { ...access, sent };
  return { reason, userData: FAILING_USER_DATA, policy, first: true, access: known };
}
