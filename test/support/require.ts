/**
 * What a test needs from its host. A test whose need is missing is skipped with the reason printed, unless
 * IOREGION_REQUIRE=all: then the missing thing is a failure (continuous integration sets it).
 */
import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { describe, it } from 'vitest';

/** Why a test cannot run here, or undefined where it can. */
export type Requirement = () => string | undefined;

/** A /dev/kvm this user may open. */
export const kvmDevice: Requirement = () => {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    return `no usable /dev/kvm (${(error as NodeJS.ErrnoException).code})`;
  }
};

/** A program on the PATH that answers `--version`. */
export function program(name: string): Requirement {
  return () => {
    try {
      execFileSync(name, ['--version'], { stdio: 'ignore', timeout: 10_000 });
      return undefined;
    } catch {
      return `${name} is not installed`;
    }
  };
}

/** A readable file or device. */
export function file(path: string): Requirement {
  return () => {
    try {
      accessSync(path, constants.R_OK);
      return undefined;
    } catch {
      return `${path} is missing`;
    }
  };
}

/** `describe`, where every requirement is met. */
export function describeWhere(requirements: readonly Requirement[], name: string, body: () => void): void {
  const missing = requirements.map((requirement) => requirement()).filter((reason) => reason !== undefined);
  if (missing.length === 0) describe(name, body);
  else if (process.env.IOREGION_REQUIRE === 'all') failFor(name, missing);
  else skip(name, missing, body);
}

/** The default reporter only counts what is skipped, so the reason goes to the console too. */
function skip(name: string, missing: readonly string[], body: () => void): void {
  const reason = missing.join(', ');
  console.warn(`skipped: ${name}: ${reason}`);
  describe.skip(`${name} [skipped: ${reason}]`, body);
}

function failFor(name: string, missing: readonly string[]): void {
  describe(name, () => {
    it('runs on this host', () => {
      throw new Error(`IOREGION_REQUIRE=all, but ${missing.join(', ')}`);
    });
  });
}
