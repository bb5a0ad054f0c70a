/** Options that every device has: where it listens, and what it tells. */
import { type Command, InvalidArgumentError } from 'commander';

export interface CommonOptions {
  readonly socket?: string;
  readonly fd?: number;
  readonly metrics?: string;
  readonly packed: boolean;
  readonly iommu: boolean;
}

export function addCommonOptions(command: Command): Command {
  return command
    .option('--socket <path>', 'listen at this path; default: the socket that systemd has passed (LISTEN_FDS)')
    .option('--fd <n>', 'listen on this inherited descriptor', parseFd)
    .option('--metrics <target>', 'JSON: a file to write every second, or unix:PATH, answered to whoever connects')
    .option('--packed', 'offer packed rings, for QEMU with packed=on; User-Mode Linux gets them wrong', false)
    .option('--iommu', 'offer addresses behind an IOMMU: slow, and guests of QEMU 7.2 need iommu.strict=1', false);
}

/** A parser of integers from `min` to `max`. */
export function parseInteger(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be an integer from ${min} to ${max}.`);
  };
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InvalidArgumentError(`It must be JSON: ${(error as SyntaxError).message}.`);
  }
}

const MAX_FD = 2 ** 20;

function parseFd(text: string): number {
  return parseInteger(0, MAX_FD)(text);
}
