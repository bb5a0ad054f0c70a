/** The facts of the host that a result must carry to be comparable. */
import { cpus, release } from 'node:os';
import type { KvmFacts } from './kvm-facts.js';
import type { Placement } from './placement.js';

export interface HostFacts {
  /** ISO 8601, UTC: when the run ended. */
  date: string;
  cpu_model: string;
  cpu_count: number;
  kernel: string;
  node_version: string;
  kvm: KvmFacts;
  /** CPU numbers of the measured threads, where the guest waits for the device and where it does not. */
  placement: Placement;
  /** Median of two guest clock readings with nothing between them: part of every guest-timed sample. Null: no guest ran. */
  guest_timer_floor_ns: number | null;
  /** Measured seconds of each pair, both implementations together. */
  seconds_per_pair: number;
}

export interface HostInput {
  readonly kvm: KvmFacts;
  readonly placement: Placement;
  readonly guestTimerFloorNs: number | null;
  readonly secondsPerPair: number;
}

export function hostFacts(input: HostInput): HostFacts {
  const processors = cpus();
  return {
    date: new Date().toISOString(),
    cpu_model: processors[0]?.model.trim() ?? 'unknown',
    cpu_count: processors.length,
    kernel: release(),
    node_version: process.version,
    kvm: input.kvm,
    placement: input.placement,
    guest_timer_floor_ns: input.guestTimerFloorNs,
    seconds_per_pair: input.secondsPerPair,
  };
}
