/**
 * What a test needs from its host. A test whose need is missing is skipped with the reason printed, unless
 * IOREGION_REQUIRE (which continuous integration sets) says otherwise: then the missing thing is a failure.
 */
import { describe, it } from 'vitest';
import { type Requirement, skipsAreFailures, unmet } from './requirements.js';

export { file, kvmDevice, program, type Requirement, tapDevices } from './requirements.js';

/** `describe`, where every requirement is met. */
export function describeWhere(requirements: readonly Requirement[], name: string, body: () => void): void {
  const missing = unmet(requirements);
  if (missing.length === 0) describe(name, body);
  else if (skipsAreFailures(requirements)) failFor(name, missing);
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
      throw new Error(`required by IOREGION_REQUIRE, but ${missing.join(', ')}`);
    });
  });
}
