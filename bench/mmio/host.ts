/** The facts of the host that a result must carry to be comparable. */
import { cpus, release } from 'node:os';
import type { Placement, PlacementMode } from './placement.js';

/** What is known of /dev/kvm: from the probe. */
export interface KvmFacts {
  usable: boolean;
  /** Why it is not usable, or null. */
  reason: string | null;
  /** KVM_GET_API_VERSION, or null. */
  api_version: number | null;
  /** The dispatcher that regions get here. */
  dispatcher: string;
}

export interface HostFacts {
  /** ISO 8601, UTC: when the run ended. */
  date: string;
  cpu_model: string;
  cpu_count: number;
  kernel: string;
  node_version: string;
  kvm: KvmFacts;
  /** Where the measured threads ran, by CPU number. */
  placement: { mode: PlacementMode; vcpu_cpu: number; device_cpu: number };
  /** Two guest clock readings with nothing between them: part of every guest-timed sample. Null where no guest ran. */
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
  const { mode, vcpuCpu, deviceCpu } = input.placement;
  return {
    date: new Date().toISOString(),
    cpu_model: processors[0]?.model.trim() ?? 'unknown',
    cpu_count: processors.length,
    kernel: release(),
    node_version: process.version,
    kvm: input.kvm,
    placement: { mode, vcpu_cpu: vcpuCpu, device_cpu: deviceCpu },
    guest_timer_floor_ns: input.guestTimerFloorNs,
    seconds_per_pair: input.secondsPerPair,
  };
}
