/** Which CPU each measured thread runs on. */
import { PlacementError } from './errors.js';

export const PLACEMENT_MODES = ['same', 'split'] as const;
/** `same`: vCPU and device share one CPU. `split`: each has its own. */
export type PlacementMode = (typeof PLACEMENT_MODES)[number];

export interface Placement {
  readonly mode: PlacementMode;
  readonly vcpuCpu: number;
  readonly deviceCpu: number;
}

/**
 * Takes the last CPUs of those allowed, because interrupts and other programs favour the first. `same` is the default:
 * on small virtual machines waking a second, idle core costs several times the whole round trip.
 */
export function placeThreads(mode: PlacementMode, allowedCpus: readonly number[]): Placement {
  const cpus = allowedCpus.toSorted((a, b) => a - b);
  const vcpuCpu = cpus.at(-1);
  if (vcpuCpu === undefined) throw new PlacementError('no CPU is allowed for this process');
  if (mode === 'same') return { mode, vcpuCpu, deviceCpu: vcpuCpu };
  const deviceCpu = cpus.at(-2);
  if (deviceCpu === undefined) {
    throw new PlacementError('placement "split" needs two CPUs and this process may use one: use --placement same');
  }
  return { mode, vcpuCpu, deviceCpu };
}
