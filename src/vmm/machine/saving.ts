/** Saving and restoring a machine that is switched on. Loaded by those that do: others start without it. */
import type { DeviceSpec } from '../attach/index.js';
import {
  BoardOnVcpu,
  deviceShape,
  type MachineParts,
  type MachineShape,
  OpenSnapshot,
  placeDevices,
  RemoteTargets,
  restoreMachine,
  type SnapshotSize,
  type StateTarget,
  saveMachine,
  writeSnapshot,
} from '../snapshot/index.js';
import type { CheckedDescription } from './description.js';
import type { PoweredOn } from './powered-on.js';

export { OpenSnapshot, placeDevices };

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
  const remote = new RemoteTargets(
    states.filter((state) => state !== null),
    (name, reason) => devices.attached.find(({ state }) => state?.name === name)?.lost(reason),
  );
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
