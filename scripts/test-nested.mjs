// The KVM part of the tests on the nested machine, for hosts without a /dev/kvm: `npm run test:nested -- [filter...]`,
// by name of file: `vmm`, or `system/run-command` for those of test/system.
// All of it takes long: `npm run test:nested -- --short` is the part that continuous integration has time for, and
// `--linux` what no other /dev/kvm here can run: a stock kernel.
// With IOREGION_TEST_REPORTS set, the reports of vitest and tap are written there.
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildReference } from '../dist/bench/reference/build.js';
import { buildAll } from '../dist/guests/build.js';
import { explainMissing } from './nested/host.mjs';
import { LINUX_GUEST, makeLinuxGuest } from './nested/linux-guest.mjs';
import { runNested } from './nested/machine.mjs';

const SECONDS = process.argv.some((option) => option === '--short' || option === '--linux') ? 1200 : 2400;
const REPORTS = '/root/reports';
const asked = process.env.IOREGION_TEST_REPORTS;

if (explainMissing()) process.exit(1);
await Promise.all([buildAll(), buildReference()]);
makeLinuxGuest();

const into = mkdtempSync(join(tmpdir(), 'ioregion-nested-'));
try {
  process.exitCode = await runNested(['node', 'scripts/nested/tests.mjs', REPORTS, ...process.argv.slice(2)], {
    seconds: SECONDS,
    environment: {
      IOREGION_REQUIRE: 'all',
      IOREGION_PATIENCE: '10',
      IOREGION_LINUX_GUEST: LINUX_GUEST,
      CI: process.env.CI ?? '',
    },
    fetch: [REPORTS],
    into,
  });
  if (asked && existsSync(join(into, REPORTS))) cpSync(join(into, REPORTS), asked, { recursive: true });
} finally {
  rmSync(into, { recursive: true });
}
