/** Machines saved in the middle of what their guest does, and restored in a fresh process. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type DiskDescription, VirtualMachine } from 'ioregion/vmm';
import { expect, it, vi } from 'vitest';
import { countedInOrder, writeCountingKernel } from '../support/counting-guest.js';
import { PATIENCE } from '../support/patience.js';
import { NodeProcess } from '../support/processes.js';
import { describeWhere, kvmDevice } from '../support/require.js';
import { temporaryDirectory } from '../support/temporary.js';

const PROGRAM = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const MIB = 2 ** 20;
/** Workers and processes start slowly on a nested machine. */
const LIMIT_MS = 60_000 * PATIENCE;
/** More than a count has values: so a gap of a whole round would have to be met exactly. */
const ENOUGH = 150;
const directory = temporaryDirectory();

function disks(): DiskDescription[] {
  return (['inline', 'thread', 'process'] as const).map((attach) => {
    const path = join(directory, `${attach}.img`);
    writeFileSync(path, new Uint8Array(MIB));
    return { path, attach };
  });
}

function start(cpus: number) {
  const kernel = join(directory, `kernel-${cpus}`);
  writeCountingKernel(kernel, cpus);
  const output = new PassThrough();
  let text = '';
  output.on('data', (data: Uint8Array) => {
    text += new TextDecoder('latin1').decode(data);
  });
  const devices = { disks: disks(), rng: true };
  const machine = new VirtualMachine({ kernel, cpus, memory: 32 * MIB, serial: { output }, ...devices });
  const said = async (length: number): Promise<void> => {
    await vi.waitFor(() => expect(text.length).toBeGreaterThan(length), { timeout: LIMIT_MS, interval: 5 });
  };
  return { machine, said, text: () => text };
}

describeWhere([kvmDevice], 'a machine that is saved', () => {
  it.each([1, 2])(
    'with %d vCPU(s) goes on where it was, here and in a fresh process',
    async (cpus) => {
      const { machine, said, text } = start(cpus);
      await machine.start();
      await said(ENOUGH);
      await machine.pause();
      const path = join(directory, `saved-${cpus}`);
      const { memoryBytes } = await machine.snapshot(path);
      expect(memoryBytes).toBeLessThan(MIB);
      expect(statSync(join(path, 'memory.bin')).blocks * 512).toBeLessThan(MIB);
      const before = text();
      machine.resume();
      await said(before.length + ENOUGH);
      await machine.stop();
      expect(countedInOrder(text())).toBe(text().length);

      const options = disks().flatMap(({ path: image, attach }) => ['--disk', `${image},attach=${attach}`]);
      const restored = new NodeProcess(PROGRAM, ['run', '--restore', path, '--rng', 'inline', ...options], {
        timeoutMs: LIMIT_MS,
      });
      await restored.printed(text().slice(before.length, before.length + ENOUGH));
      const { stdout } = await restored.kill('SIGINT');
      expect(countedInOrder(before + stdout)).toBe(before.length + stdout.length);
    },
    LIMIT_MS,
  );

  it(
    'is saved by SIGUSR2 where it is told to, ends with status 0, and is restored with another placement',
    async () => {
      const kernel = join(directory, 'kernel-signal');
      writeCountingKernel(kernel, 1);
      const path = join(directory, 'saved-by-signal');
      const [image] = disks();
      const args = ['run', '--kernel', kernel, '--memory', '32M', '--disk', image!.path, '--snapshot-to', path];
      const first = new NodeProcess(PROGRAM, args, { timeoutMs: LIMIT_MS });
      await first.printed('XYZ');
      first.child.kill('SIGUSR2');
      const saved = await first.exited;
      expect([saved.code, saved.stderr]).toEqual([0, expect.stringContaining(`saved to ${path} in `)]);
      const restored = new NodeProcess(PROGRAM, ['run', '--restore', path, '--disk', `${image!.path},attach=process`], {
        timeoutMs: LIMIT_MS,
      });
      await restored.printed('XYZ');
      const { stdout } = await restored.kill('SIGINT');
      expect(countedInOrder(saved.stdout + stdout)).toBe(saved.stdout.length + stdout.length);
    },
    LIMIT_MS,
  );

  it(
    'is not restored from a state that this host refuses, and nothing of it is left',
    async () => {
      const { machine, said } = start(1);
      await machine.start();
      await said(1);
      const path = join(directory, 'saved-wrong');
      await machine.snapshot(path);
      expect(machine.state).toBe('running');
      await machine.stop();
      const manifest = JSON.parse(readFileSync(join(path, 'manifest.json'), 'utf8'));
      manifest.state.sections = manifest.state.sections.filter(({ name }: { name: string }) => name !== 'vcpu 0 msrs');
      writeFileSync(join(path, 'manifest.json'), JSON.stringify(manifest));
      const restoring = VirtualMachine.restore(path, {
        serial: { output: new PassThrough() },
        disks: disks(),
        rng: true,
      });
      await expect(restoring).rejects.toMatchObject({ code: 'ERR_IOREGION_SNAPSHOT_FORMAT' });
    },
    LIMIT_MS,
  );
});
