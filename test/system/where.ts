/**
 * `describeWhere` for tap: a test whose need is missing is skipped with the reason, or fails where it must run.
 * IOREGION_ONLY=kvm leaves out the tests that need no KVM, for a nested machine, which is slow; IOREGION_ONLY=host those
 * that need it.
 */
import t, { type Test } from 'tap';
import { kvmDevice, type Requirement, skipsAreFailures, unmet } from '../support/requirements.js';

export function testWhere(
  requirements: readonly Requirement[],
  name: string,
  body: (test: Test) => Promise<void>,
): void {
  const half = requirements.includes(kvmDevice) ? 'kvm' : 'host';
  if ((process.env.IOREGION_ONLY ?? half) !== half) return;
  const missing = unmet(requirements);
  if (missing.length === 0) void t.test(name, body);
  else if (skipsAreFailures(requirements)) t.fail(`${name}: required by IOREGION_REQUIRE, but ${missing.join(', ')}`);
  else void t.test(name, { skip: missing.join(', ') }, body);
}
