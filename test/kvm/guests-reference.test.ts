/** The C programs of the benchmark: every path runs, verifies its values, and leaves the samples it reports. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildReference } from '#dist/bench/reference/build.js';
import { buildGuest } from '#dist/guests/index.js';
import { PATIENCE } from '../support/patience.js';
import { describeWhere, kvmDevice } from '../support/require.js';

const run = promisify(execFile);
const COUNT = 700;
const WARMUP = 600;
const KVM_PATHS = ['exit-inline', 'ioregionfd-thread', 'ioregionfd-process', 'ioregionfd-posted'];
const LOOPBACK_PATHS = ['loopback-thread', 'loopback-posted'];
const OPERATIONS = ['read', 'write'];

const cases = (paths: string[]) => paths.flatMap((path) => OPERATIONS.map((operation) => [path, operation] as const));

let program: string;
let guest: string;
let directory: string;
beforeAll(async () => {
  program = await buildReference();
  guest = await buildGuest('bench', 'protected');
  directory = mkdtempSync(join(tmpdir(), 'ioregion-reference-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

const reference = (...options: string[]) =>
  run(program, options, { timeout: 20_000 * PATIENCE, killSignal: 'SIGKILL' });

async function measure(path: string, operation: string, options: string[]) {
  const file = join(directory, `${path}-${operation}`);
  const counts = ['--count', String(COUNT), '--warmup', String(WARMUP)];
  const common = ['--path', path, '--op', operation, '--samples', file, '--guest', guest, '--self-check'];
  const { stdout, stderr } = await reference(...common, ...counts, ...options);
  const bytes = readFileSync(file);
  const samples = new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return { report: JSON.parse(stdout), stderr, samples };
}

/** The device must have counted every access once, and the samples must be those of the report. */
async function expectHonest(path: string, operation: string, ...options: string[]): Promise<void> {
  const { report, stderr, samples } = await measure(path, operation, options);
  expect(report).toMatchObject({ path, op: operation, n: COUNT });
  expect(samples).toHaveLength(COUNT);
  expect(samples.reduce((sum, ns) => sum + ns, 0)).toBeLessThan(report.elapsed_ns * 1.01);
  expect(samples.toSorted()[Math.floor(0.5 * (COUNT - 1))]).toBe(report.p50_ns);
  expect(report.p50_ns).toBeGreaterThan(report.floor_ns);
  const [reads, writes] = operation === 'read' ? [COUNT + WARMUP, 0] : [0, COUNT + WARMUP];
  expect(stderr).toContain(`the device counted ${reads} reads and ${writes} writes`);
}

describe('mmio-reference without KVM', () => {
  it.each(cases(LOOPBACK_PATHS))('measures %s %s', (path, operation) => expectHonest(path, operation));

  it.each(['1', '2', '8'])('measures accesses of %s bytes', async (size) => {
    await expectHonest('loopback-thread', 'read', '--size', size);
    await expectHonest('loopback-posted', 'write', '--size', size);
  });

  it.skipIf(availableParallelism() < 2)('runs the device on a CPU of its own', () =>
    expectHonest('loopback-thread', 'read', '--cpu', '0', '--device-cpu', '1'),
  );

  it('goes on for the time asked', async () => {
    const { stdout } = await reference('--path', 'loopback-posted', '--op', 'write', '--seconds', '0.05');
    expect(JSON.parse(stdout).elapsed_ns).toBeGreaterThanOrEqual(50e6);
  });

  it.each([
    [['--path', 'nowhere', '--op', 'read', '--count', '1'], 'no such path: nowhere'],
    [['--op', 'read', '--count', '1'], '--path is missing'],
    [['--path', 'loopback-thread', '--op', 'read'], 'either --seconds or --count'],
    [['--path', 'loopback-thread', '--count', '1'], '--op is missing'],
    [['--path', 'loopback-thread', '--op', 'read', '--count', '0'], '--count takes a number'],
    [['--path', 'loopback-thread', '--op', 'read', '--count', '1', '--size', '3'], '--size is 1, 2, 4 or 8'],
    [['--path', 'loopback-thread', '--op', 'read', '--count', '1', '--cpu', '1023'], 'cannot run on CPU 1023'],
    [['--path', 'loopback-thread', '--op', 'read', '--count', '1', '--samples', '/nowhere/file'], '/nowhere/file'],
    [['--path', 'ioeventfd', '--op', 'read', '--count', '1'], 'has only writes'],
    [['--path', 'exit-inline', '--op', 'read', '--count', '1'], 'needs --guest'],
  ])('refuses %j', async (options, message) => {
    await expect(reference(...options)).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining(message) });
  });
});

describeWhere([kvmDevice], 'mmio-reference with the bench guest', () => {
  it.each(cases(KVM_PATHS))('measures %s %s', (path, operation) => expectHonest(path, operation));

  it('measures ioeventfd write', () => expectHonest('ioeventfd', 'write'));

  it.each(['1', '2', '8'])('measures accesses of %s bytes', async (size) => {
    await expectHonest('exit-inline', 'read', '--size', size);
    await expectHonest('exit-inline', 'write', '--size', size);
    await expectHonest('ioeventfd', 'write', '--size', size);
  });

  it('fails where the guest image is missing', async () => {
    const image = join(directory, 'none');
    const failure = { code: 1, stderr: expect.stringContaining(image) };
    const options = ['--path', 'exit-inline', '--op', 'read', '--count', '1', '--guest', image];
    await expect(reference(...options)).rejects.toMatchObject(failure);
  });
});
