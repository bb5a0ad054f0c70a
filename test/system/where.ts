/** `describeWhere` for tap: a test whose need is missing is skipped with the reason, or fails where all must run. */
import t, { type Test } from 'tap';
import { type Requirement, skipsAreFailures, unmet } from '../support/requirements.js';

export function testWhere(
  requirements: readonly Requirement[],
  name: string,
  body: (test: Test) => Promise<void>,
): void {
  const missing = unmet(requirements);
  if (missing.length === 0) void t.test(name, body);
  else if (skipsAreFailures()) t.fail(`${name}: IOREGION_REQUIRE=all, but ${missing.join(', ')}`);
  else void t.test(name, { skip: missing.join(', ') }, body);
}
