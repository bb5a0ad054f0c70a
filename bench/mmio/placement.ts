/** Which CPU each measured thread runs on. */
import { PlacementError } from './errors.js';
import { PATH_FACTS, type PathName } from './row.js';

export const PLACEMENT_MODES = ['auto', 'same', 'split'] as const;
/**
 * `same`: vCPU and device share one CPU. `split`: each has its own. `auto`: they share one where the guest waits for the
 * device, because waking an idle CPU costs more than the round trip; they have two, where there are two, for posted
 * writes and doorbells, which are meant to be handled while the guest goes on.
 */
export type PlacementMode = (typeof PLACEMENT_MODES)[number];

/** CPU numbers. */
export interface Cpus {
  readonly vcpu: number;
  readonly device: number;
}

export interface Placement {
  readonly mode: PlacementMode;
  /** For paths whose guest waits. */
  readonly waiting: Cpus;
  /** For posted writes and doorbells. */
  readonly posted: Cpus;
}

/** Takes the last CPUs of those allowed, because interrupts and other programs favour the first. */
export function placeThreads(mode: PlacementMode, allowedCpus: readonly number[]): Placement {
  const cpus = allowedCpus.toSorted((a, b) => b - a);
  const [last, second] = cpus;
  if (last === undefined) throw new PlacementError('no CPU is allowed for this process');
  if (mode === 'split' && second === undefined) {
    throw new PlacementError('placement "split" needs two CPUs and this process may use one: use --placement same');
  }
  const same: Cpus = { vcpu: last, device: last };
  const split: Cpus = { vcpu: last, device: second ?? last };
  return { mode, waiting: mode === 'split' ? split : same, posted: mode === 'same' ? same : split };
}

export function cpusOf(placement: Placement, path: PathName): Cpus {
  return PATH_FACTS[path].posted ? placement.posted : placement.waiting;
}
