/**
 * `describeWhere` for tap: a test whose need is missing is skipped with the reason, or fails where it must run. With
 * IOREGION_ONLY=kvm only the tests that need KVM are there: a nested machine is slow, and the host runs the others.
 */
import t, { type Test } from 'tap';
import { kvmDevice, type Requirement, skipsAreFailures, unmet } from '../support/requirements.js';

export function testWhere(
  requirements: readonly Requirement[],
  name: string,
  body: (test: Test) => Promise<void>,
): void {
  if (process.env.IOREGION_ONLY === 'kvm' && !requirements.includes(kvmDevice)) return;
  const missing = unmet(requirements);
  if (missing.length === 0) void t.test(name, body);
  else if (skipsAreFailures(requirements)) t.fail(`${name}: required by IOREGION_REQUIRE, but ${missing.join(', ')}`);
  else void t.test(name, { skip: missing.join(', ') }, body);
}
