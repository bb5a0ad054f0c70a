/** Machines whose device process is killed, or stopped, while their guest writes to its disk: what the policies say comes true. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DevicePolicy, type DiskDescription, VirtualMachine } from 'ioregion/vmm';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { LAYOUT } from '#dist/guests/index.js';
import { hasPattern, writeDiskKernel, writeEmptyDisk } from '#dist/test/support/disk-guest.js';
import { deviceProcesses, isRunning } from '../support/child-processes.js';
import { PATIENCE } from '../support/patience.js';
import { describeWhere, kvmDevice } from '../support/require.js';
import { temporaryDirectory } from '../support/temporary.js';

const MEMORY = 32 * 2 ** 20;
const WAIT = { timeout: 30_000 * PATIENCE };
/** Of tests that start several processes, which load modules for long on an emulated CPU, or wait for a deadline of 30 s. */
const SLOW = 90_000 * PATIENCE;
/** More than a guest writes until something is killed. */
const ENDLESS = 1 << 20;
/** Some seconds of work on an emulated CPU. */
const REQUESTS = 300;
/** Twice what a process has to end; the deadline of an access is 30 s. */
const STOPPED_MS = 20_000;
/** A guest that polls makes an access in less. */
const WAITING_MS = 100;
const GONE = { code: 'ERR_IOREGION_DEVICE_PROCESS' };
const STUCK = { ...GONE, message: expect.stringContaining('the device did not answer in time') };

const directory = temporaryDirectory();
let files = 0;
const file = (): string => join(directory, `file-${files++}`);

const popped = (machine: VirtualMachine): number => machine.metrics().devices[0]?.queues?.[0]?.popped ?? 0;

interface Load {
  /** The guest reads a register again and again while it waits for its disk, as one without interrupts does. */
  readonly polls?: boolean;
  readonly requests?: number;
}

/** A machine whose guest writes, to a disk in another process. */
async function busyMachine(policy: DevicePolicy, { polls = false, requests = ENDLESS }: Load = {}) {
  const before = deviceProcesses().map(({ pid }) => pid);
  const failures: Error[] = [];
  const disk: DiskDescription = { path: writeEmptyDisk(file(), 2 ** 31), attach: 'process', policy };
  const kernel = await writeDiskKernel(file(), { requests, polls });
  const machine = new VirtualMachine({ kernel, memory: MEMORY, disks: [disk] });
  machine.on('failure', (failure) => void failures.push(failure));
  await machine.start({ signal: AbortSignal.timeout(120_000 * PATIENCE) });
  await vi.waitFor(() => expect(popped(machine)).toBeGreaterThan(20), WAIT);
  const { pid } = deviceProcesses().find((device) => !before.includes(device.pid))!;
  return { machine, failures, pid, disk };
}

type Busy = Awaited<ReturnType<typeof busyMachine>>;

/** The guest has a new process, and writes again. */
async function cycled({ machine, pid }: Busy, others: readonly number[] = []): Promise<void> {
  await vi.waitFor(() => {
    expect(isRunning(pid)).toBe(false);
    expect(deviceProcesses().filter((device) => !others.includes(device.pid))).toHaveLength(1);
    expect([machine.state, popped(machine) > 20]).toEqual(['running', true]);
  }, WAIT);
}

describeWhere([kvmDevice], 'a device process that is killed under load', () => {
  it(
    'leaves the guest without its device, and tells, where the policy is all-ones',
    async () => {
      const { machine, failures, pid } = await busyMachine('all-ones');
      process.kill(pid, 'SIGKILL');
      await vi.waitFor(() => expect(failures).toMatchObject([GONE]), WAIT);
      expect(machine.state).toBe('running');
      await machine.stop();
      expect([await machine.ended, deviceProcesses()]).toEqual([{ reason: 'stopped' }, []]);
    },
    SLOW,
  );

  it(
    'ends the machine with the failure where the policy is stop',
    async () => {
      const { machine, failures, pid } = await busyMachine('stop');
      process.kill(pid, 'SIGKILL');
      expect(await machine.ended).toMatchObject({ reason: 'failed', error: GONE });
      expect([machine.state, failures, deviceProcesses()]).toEqual(['off', [], []]);
    },
    SLOW,
  );

  it(
    'gives the guest a power cycle and a new process where the policy is restart',
    async () => {
      const busy = await busyMachine('restart');
      process.kill(busy.pid, 'SIGKILL');
      await vi.waitFor(() => expect(busy.failures).toMatchObject([GONE]), WAIT);
      await cycled(busy);
      await busy.machine.stop();
      expect(deviceProcesses()).toEqual([]);
    },
    SLOW,
  );
});

describeWhere([kvmDevice], 'a device that cannot be made in its process', () => {
  it(
    'keeps the machine from starting, and leaves nothing',
    async () => {
      const module = `${file()}.mjs`;
      writeFileSync(module, "export default () => { throw new Error('it cannot be made'); };");
      const broken = { name: 'broken', device: { module }, queues: 1, configLength: 0, attach: 'process' as const };
      const kernel = await writeDiskKernel(file(), { requests: 1 });
      const machine = new VirtualMachine({ kernel, memory: MEMORY, devices: [broken] });
      await expect(machine.start({ signal: AbortSignal.timeout(120_000 * PATIENCE) })).rejects.toMatchObject(GONE);
      expect([machine.state, deviceProcesses()]).toEqual(['off', []]);
    },
    SLOW,
  );
});

describeWhere([kvmDevice], 'a device process that is stopped under load, and continued', () => {
  it(
    'is a slow device: the access under way waits, and nothing is lost or told',
    async () => {
      const { machine, failures, pid, disk } = await busyMachine('stop', { polls: true, requests: REQUESTS });
      process.kill(pid, 'SIGSTOP');
      const accesses = (): number => machine.metrics().regions['pci slot 1']?.reads ?? 0;
      let before = -1;
      const isWaiting = (): void => {
        const last = before;
        before = accesses();
        expect(before).toBe(last);
      };
      await vi.waitFor(isWaiting, { ...WAIT, interval: WAITING_MS });
      process.kill(pid, 'SIGCONT');
      expect(await machine.ended).toEqual({ reason: 'debug-exit', code: LAYOUT.GUEST_STATUS_OK });
      expect([failures, hasPattern(disk.path, REQUESTS), deviceProcesses()]).toEqual([[], true, []]);
    },
    SLOW,
  );

  it.each([
    ['', false],
    [', also while its vCPU waits for an access', true],
  ])(
    'keeps no machine from being stopped meanwhile: it is ended with it%s',
    async (_, polls) => {
      const { machine, failures, pid } = await busyMachine('all-ones', { polls });
      process.kill(pid, 'SIGSTOP');
      const began = performance.now();
      await machine.stop();
      expect([failures, isRunning(pid), deviceProcesses()]).toEqual([[], false, []]);
      expect(performance.now() - began).toBeLessThan(STOPPED_MS);
    },
    SLOW,
  );
});

/** All at once: each waits for the deadline of an access. */
describeWhere([kvmDevice], 'a device process that is stopped under load until an access has waited too long', () => {
  const stuck = new Map<string, Busy>();
  const snapshot = join(directory, 'snapshot');
  let saving: Promise<unknown> = Promise.resolve();

  async function stopUnder(name: string, policy: DevicePolicy, load: Load): Promise<void> {
    const busy = await busyMachine(policy, load);
    stuck.set(name, busy);
    process.kill(busy.pid, 'SIGSTOP');
  }

  beforeAll(async () => {
    for (const policy of ['all-ones', 'stop', 'restart'] as const) await stopUnder(policy, policy, { polls: true });
    await stopUnder('saved', 'all-ones', {});
    saving = stuck.get('saved')!.machine.snapshot(snapshot);
    saving.catch(() => {});
  }, SLOW);
  afterAll(() => Promise.all([...stuck.values()].map(({ machine }) => machine.stop())), SLOW);

  it(
    'is ended, and leaves the guest without its device, and tells, where the policy is all-ones',
    async () => {
      const { machine, failures, pid } = stuck.get('all-ones')!;
      await vi.waitFor(() => expect(failures).toMatchObject([STUCK]), WAIT);
      await vi.waitFor(() => expect(isRunning(pid)).toBe(false), WAIT);
      expect(machine.state).toBe('running');
      await machine.stop();
      expect([await machine.ended, failures.length]).toEqual([{ reason: 'stopped' }, 1]);
    },
    SLOW,
  );

  it(
    'is ended, and ends the machine with the failure where the policy is stop',
    async () => {
      const { machine, failures, pid } = stuck.get('stop')!;
      expect(await machine.ended).toMatchObject({ reason: 'failed', error: STUCK });
      expect([machine.state, failures, isRunning(pid)]).toEqual(['off', [], false]);
    },
    SLOW,
  );

  it(
    'is ended, and the guest gets a power cycle and a new process where the policy is restart',
    async () => {
      const busy = stuck.get('restart')!;
      await vi.waitFor(() => expect(busy.failures).toMatchObject([STUCK]), WAIT);
      await cycled(
        busy,
        [...stuck.values()].map(({ pid }) => pid),
      );
      await busy.machine.stop();
    },
    SLOW,
  );

  it(
    'has no state to be saved: no snapshot is left, and its policy decides',
    async () => {
      const { machine, failures, pid } = stuck.get('saved')!;
      await expect(saving).rejects.toMatchObject({ code: 'ERR_IOREGION_REMOTE_STATE' });
      await vi.waitFor(() => expect([failures, isRunning(pid)]).toMatchObject([[STUCK], false]), WAIT);
      expect([machine.state, existsSync(snapshot)]).toEqual(['running', false]);
      await machine.stop();
      expect(deviceProcesses()).toEqual([]);
    },
    SLOW,
  );
});
