/** What a clause works with: one machine for a whole group of tests, and channels that end with each test. */
import type { Region, RegionOptions } from 'ioregion/ioregion';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { type AccessResult, type GuestAccess, write } from './accesses.js';
import { Channel, type FdKind } from './channel.js';
import type { ContractHarness, ContractMachine, ContractVcpu, VcpuRun } from './harness.js';

/** Where tests put their regions: no memory, no port of the guest's own. */
export const MMIO_BASE = 0xd000_0000;
export const PIO_BASE = 0x1000;
export const REGION_BYTES = 0x1000;

export type RegionRequest = Partial<RegionOptions> & { readonly channel: Channel };

export class Stage {
  readonly kind: FdKind;
  readonly #harness: ContractHarness;
  #machine: ContractMachine | null = null;
  #channels: Channel[] = [];
  #regions: Region[] = [];
  #extraMachines: ContractMachine[] = [];

  constructor(harness: ContractHarness, kind: FdKind) {
    this.#harness = harness;
    this.kind = kind;
    beforeAll(async () => {
      this.#machine = await harness.make();
    });
    afterEach(() => this.#clear());
    afterAll(() => this.#machine?.close());
  }

  get machine(): ContractMachine {
    return this.#machine!;
  }

  get vcpu(): ContractVcpu {
    return this.machine.vcpus[0]!;
  }

  get otherVcpu(): ContractVcpu {
    return this.machine.vcpus[1]!;
  }

  /** For tests that close vCPUs or the dispatcher. */
  async ownMachine(): Promise<ContractMachine> {
    const machine = await this.#harness.make();
    this.#extraMachines.push(machine);
    return machine;
  }

  channel(): Channel {
    const channel = new Channel(this.kind);
    this.#channels.push(channel);
    return channel;
  }

  /** By default one page of MMIO at MMIO_BASE, or as much of ports at PIO_BASE. */
  addRegion({ channel, ...options }: RegionRequest, machine: ContractMachine = this.machine): Region {
    const gpa = options.space === 'pio' ? PIO_BASE : MMIO_BASE;
    const region = machine.dispatcher.addRegion({
      space: 'mmio',
      gpa,
      size: REGION_BYTES,
      ...channel.near,
      ...options,
    });
    if (machine === this.machine) this.#regions.push(region);
    return region;
  }

  /** A channel of its own with one region. */
  region(options: Partial<RegionOptions> = {}): { channel: Channel; region: Region } {
    const channel = this.channel();
    return { channel, region: this.addRegion({ channel, ...options }) };
  }

  /** Makes the accesses on the first vCPU and waits for their end. */
  perform(...accesses: GuestAccess[]): Promise<readonly AccessResult[]> {
    return this.vcpu.start(accesses).results;
  }

  /** Uses up kicks that may have come after the end of a run. */
  async absorbKicks(): Promise<void> {
    const gpa = MMIO_BASE + 16 * REGION_BYTES;
    this.region({ gpa, postedWrites: true });
    await Promise.all(this.machine.vcpus.map((vcpu) => vcpu.start([write('mmio', gpa, 1, 0)]).results));
  }

  async #clear(): Promise<void> {
    for (const region of this.#regions.splice(0)) region.remove();
    for (const channel of this.#channels.splice(0)) channel.close();
    for (const machine of this.#extraMachines.splice(0)) await machine.close();
    const { failures, unhandled } = this.machine;
    failures.length = 0;
    unhandled.length = 0;
  }
}

/** Starts accesses that come back to the test at each kick and each stop. */
export function hold(vcpu: ContractVcpu, ...accesses: GuestAccess[]): VcpuRun {
  return vcpu.start(accesses, { hold: true });
}

/** Kicks a vCPU out of its access and leaves it in the VMM's hands. */
export async function interrupt(vcpu: ContractVcpu, run: VcpuRun): Promise<void> {
  expect(vcpu.kick()).toBe(true);
  expect(await run.next()).toEqual({ type: 'interrupted' });
}

/** The values of results, for comparing. */
export function valuesOf(results: readonly AccessResult[]): bigint[] {
  return results.map(({ value }) => value);
}

/** No access reached the VMM, and no failure was reported. */
export function expectQuiet({ unhandled, failures }: ContractMachine): void {
  expect({ unhandled, failures }).toEqual({ unhandled: [], failures: [] });
}
