/** A machine that is switched on, and what saving and restoring it needs of it. */
import type { KvmStats } from '../../kvm/index.js';
import type { AttachedDevice, DeviceFigures, DeviceSpec, RemotePort } from '../attach/index.js';
import type { CloseList } from '../close-list.js';
import type { MachineMetrics } from '../metrics/machine-metrics.js';
import {
  BoardOnVcpu,
  deviceShape,
  type MachineParts,
  type MachineShape,
  type OpenSnapshot,
  RemoteTargets,
  restoreMachine,
  type SnapshotSize,
  type StateTarget,
  saveMachine,
  writeSnapshot,
} from '../snapshot/index.js';
import type { CheckedDescription } from './description.js';
import type { Hardware } from './hardware.js';
import type { VcpuLoop } from './vcpu-loop.js';

export interface PoweredOn {
  readonly hardware: Hardware;
  readonly loops: readonly VcpuLoop[];
  readonly devices: { readonly attached: readonly AttachedDevice[] };
  readonly stats: readonly (KvmStats | null)[];
  readonly closing: CloseList;
  /** Null: the board is on the thread of the only vCPU. */
  readonly boardState: RemotePort | null;
}

/** What of a machine must be the same where it is restored. */
export function shapeOf(
  { cpus, memory, serial }: CheckedDescription,
  devices: ReadonlyMap<number, DeviceSpec>,
): MachineShape {
  const shapes = [...devices].map(([slot, spec]) => ({ slot, ...deviceShape(spec) }));
  return { cpus, memory, serial: serial !== null, devices: shapes };
}

/** Of a machine whose vCPUs are paused. Its devices go on afterwards, whatever happens. */
export async function saveTo(path: string, on: PoweredOn, machine: MachineShape): Promise<SnapshotSize> {
  return await withParts(on, async (parts) => {
    try {
      for (const target of parts.targets) await target.suspend();
      return await writeSnapshot(path, { machine, sections: await saveMachine(parts), memory: on.hardware.memory });
    } finally {
      await resumeAll(parts.targets);
    }
  });
}

/** One that is gone is no reason to leave the others. */
async function resumeAll(targets: readonly StateTarget[]): Promise<void> {
  await Promise.allSettled(targets.map((target) => target.resume()));
}

export async function withParts<T>(on: PoweredOn, use: (parts: MachineParts) => Promise<T>): Promise<T> {
  const { hardware, loops, devices, boardState } = on;
  const states = [...devices.attached.map(({ state }) => state), boardState];
  const remote = new RemoteTargets(states.filter((state) => state !== null));
  try {
    const board = boardState === null ? [new BoardOnVcpu(loops[0]!.vcpu)] : [];
    const vcpus = loops.map(({ vcpu }) => vcpu);
    return await use({ ...hardware, vcpus, targets: [...remote.targets, ...board] });
  } finally {
    await remote.close();
  }
}

/** Its devices run from here on, its vCPUs do not yet. */
export async function restoreTo(on: PoweredOn, { sections }: OpenSnapshot): Promise<void> {
  await withParts(on, async (parts) => {
    await restoreMachine(parts, sections);
    for (const target of parts.targets) await target.resume();
  });
}

/** Until a machine is switched off. */
export interface PowerOnCounts {
  readonly kvm: MachineMetrics['kvm'];
  readonly devices: readonly DeviceFigures[];
}

export function countOf({ stats, devices }: PoweredOn): PowerOnCounts {
  const kvm = stats.map((one) => one?.read() ?? null);
  return { kvm, devices: devices.attached.map((device) => device.figures()) };
}
