/** What a test may need from its host, whatever runs the test. */
import { execFileSync } from 'node:child_process';
import { accessSync, closeSync, constants, openSync } from 'node:fs';
import { TapQueue } from 'ioregion/native';

/** Why a test cannot run here, or undefined where it can. */
export type Requirement = () => string | undefined;

/** A /dev/kvm this user may open: its node may be there without a module that answers. */
export const kvmDevice: Requirement = () => {
  try {
    closeSync(openSync('/dev/kvm', 'r+'));
    return undefined;
  } catch (error) {
    return `no usable /dev/kvm (${(error as NodeJS.ErrnoException).code})`;
  }
};

/** The right to make TAP devices. */
export const tapDevices: Requirement = () => {
  try {
    TapQueue.open({ name: 'iotest%d' }).close();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
};

/** A program on the PATH that answers `--version`, or another option of that kind. */
export function program(name: string, version = '--version'): Requirement {
  return () => {
    try {
      execFileSync(name, [version], { stdio: 'ignore', timeout: 10_000 });
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

/** The reasons why it cannot run here. */
export function unmet(requirements: readonly Requirement[]): string[] {
  return requirements.map((requirement) => requirement()).filter((reason) => reason !== undefined);
}

/**
 * True where continuous integration demands what is missing here: everything (IOREGION_REQUIRE=all), or all but a
 * /dev/kvm (all-but-kvm: those tests run on a nested machine).
 */
export function skipsAreFailures(requirements: readonly Requirement[]): boolean {
  const required = process.env.IOREGION_REQUIRE;
  if (required === 'all') return true;
  if (required !== 'all-but-kvm') return false;
  return unmet(requirements.filter((requirement) => requirement !== kvmDevice)).length > 0;
}
