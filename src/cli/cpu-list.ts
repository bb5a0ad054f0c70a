/** Lists of host CPUs on the command line: `3`, `0-1`, `0+2-3`. */
import { InvalidArgumentError } from 'commander';

/** Of CPU numbers: the kernel's own limit (CONFIG_NR_CPUS) is 8192. */
const RANGE = /^(\d{1,4})(?:-(\d{1,4}))?$/;

export function parseCpus(text: string): number[] {
  return text.split('+').flatMap(cpusOf);
}

function cpusOf(range: string): number[] {
  const [, first, last = first] = RANGE.exec(range) ?? [];
  if (first === undefined || Number(last) < Number(first)) {
    throw new InvalidArgumentError('It must be CPUs of this host, like 3 or 0-1 or 0+2-3.');
  }
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => Number(first) + index);
}
