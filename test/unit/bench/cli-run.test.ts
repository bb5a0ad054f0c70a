import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../support/temporary.js';

const PROGRAM = resolve(import.meta.dirname, '../../../dist/src/cli/ioregion.cjs');
const run = promisify(execFile);
const cwd = temporaryDirectory();
const bench = (...words: string[]) =>
  run(process.execPath, [PROGRAM, 'bench', 'mmio', ...words], { cwd, timeout: 50_000 });

describe('ioregion bench mmio', () => {
  it('prints probe, latencies and the place of the report, and writes both files', async () => {
    const { stdout, stderr } = await bench(
      '--rows',
      'loopback-thread',
      '--seconds',
      '0.1',
      '--json',
      'out/result.json',
    );
    const [probe, latencies, plot] = ['│ dispatcher ', '│ loopback-thread │ read', 'Plot: report/mmio.html'].map(
      (text) => stdout.indexOf(text),
    );
    expect(probe).toBeGreaterThan(0);
    expect(latencies).toBeGreaterThan(probe!);
    expect(plot).toBeGreaterThan(latencies!);
    expect(stderr).toBe('measuring loopback-thread read\nmeasuring loopback-thread write\n');
    const result = JSON.parse(readFileSync(join(cwd, 'out/result.json'), 'utf8'));
    expect(result.ratios.map(({ path, op }: { path: string; op: string }) => `${path} ${op}`)).toEqual([
      'loopback-thread read',
      'loopback-thread write',
    ]);
    expect(readFileSync(join(cwd, 'report/mmio.html'), 'utf8')).toContain('id="density-loopback-thread-read"');
  });

  it('ends with one clear line and status 1 where a file cannot be written', async () => {
    await expect(bench('--html', '.')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^ioregion: cannot write \.: .*\(ERR_IOREGION_BENCH_OUTPUT\)\n$/),
    });
  });

  it('ends without a report when it is interrupted', async () => {
    const running = bench('--rows', 'loopback-thread', '--seconds', '30', '--html', 'none.html');
    running.child.stderr!.once('data', () => running.child.kill('SIGINT'));
    await expect(running).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('ioregion: interrupted') });
    expect(existsSync(join(cwd, 'none.html'))).toBe(false);
  });
});
