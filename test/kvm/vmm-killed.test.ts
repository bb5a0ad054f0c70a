/** `ioregion run` with devices in other processes, behind a backend and on TAPs, and with sockets of its own, that is ended from outside. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { guestKernel, LAYOUT, pioWrite, waitEqual, writeOplist } from '#dist/guests/index.js';
import { writeEmptyDisk } from '#dist/test/support/disk-guest.js';
import { childProcesses, isRunning } from '../support/child-processes.js';
import { PATIENCE } from '../support/patience.js';
import { NodeProcess, runNode } from '../support/processes.js';
import { describeWhere, kvmDevice, tapDevices } from '../support/require.js';
import { temporaryDirectory } from '../support/temporary.js';

const PROGRAM = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const LIMIT = { timeoutMs: 120_000 * PATIENCE };
const WAIT = { timeout: 30_000 * PATIENCE };
const SLOW = 60_000 * PATIENCE;
const PARAMETERS = LAYOUT.GUEST_FREE;
const TAPS = ['ioleft0', 'ioleft1'];

const directory = temporaryDirectory();
const at = (name: string): string => join(directory, name);

/** Says `up` on the serial port, then waits for ever. */
async function writeWaitingKernel(): Promise<void> {
  const say = [...'up\n'].map((one) => pioWrite(0x3f8, 1, one.charCodeAt(0)));
  const ops = [...say, waitEqual(PARAMETERS - 8, 1)];
  const prepare = (memory: Uint8Array): void => void writeOplist(memory, PARAMETERS, ops);
  writeFileSync(at('kernel'), await guestKernel({ name: 'oplist', mode: 'long', prepare, parameters: PARAMETERS }));
}

const ARGUMENTS = [
  ...['run', '--kernel', at('kernel'), '--memory', '32M'],
  ...[
    '--disk',
    `${at('process.img')},attach=process`,
    '--disk',
    `${at('backend.img')},attach=vhost-user:${at('backend')}`,
  ],
  ...['--net', `tap=${TAPS[0]},attach=process`, '--net', `tap=${TAPS[1]}`],
  ...['--control', at('control'), '--metrics', `unix:${at('metrics')}`],
];

/** With all of its devices: it answers what it is asked then, and those in other processes have their TAPs a moment later. */
async function startMachine() {
  const vmm = new NodeProcess(PROGRAM, ARGUMENTS, LIMIT);
  onTestFinished(() => void vmm.child.kill('SIGKILL'));
  await vmm.printed('up');
  const { stdout } = await runNode(PROGRAM, ['control', at('control'), 'query']);
  expect(JSON.parse(stdout)).toMatchObject({ state: 'running', devices: { length: 4 } });
  await vi.waitFor(() => expect(taps()).toEqual(TAPS), WAIT);
  return { vmm, devices: childProcesses(vmm.pid) };
}

const taps = () => TAPS.filter((name) => existsSync(`/sys/class/net/${name}`));
const deviceSockets = () => readdirSync(tmpdir()).filter((name) => name.startsWith('ioregion-device-'));

/** The code of the error that who connects meets. */
function refusal(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code!));
    socket.once('connect', () => resolve('somebody listens'));
  });
}

describeWhere([kvmDevice, tapDevices], 'a VMM with devices in all other places that is ended from outside', () => {
  let backend: NodeProcess;
  const socketsBefore = deviceSockets();

  beforeAll(async () => {
    await writeWaitingKernel();
    for (const image of ['process.img', 'backend.img']) writeEmptyDisk(at(image), 2 ** 20);
    const serve = ['serve', 'blk', '--socket', at('backend'), '--image', at('backend.img')];
    backend = new NodeProcess(PROGRAM, serve, { timeoutMs: 2 * LIMIT.timeoutMs });
    await vi.waitFor(() => expect(existsSync(at('backend'))).toBe(true), WAIT);
  }, SLOW);
  afterAll(async () => {
    expect(await backend.kill('SIGTERM')).toMatchObject({ code: 0 });
  }, SLOW);

  async function nothingLeft(devices: readonly { readonly pid: number }[]): Promise<void> {
    await vi.waitFor(() => expect(devices.filter(({ pid }) => isRunning(pid))).toEqual([]), WAIT);
    await vi.waitFor(() => expect(taps()).toEqual([]), WAIT);
    /* Machines of other tests have theirs for a moment. */
    await vi.waitFor(() => expect(deviceSockets().filter((name) => !socketsBefore.includes(name))).toEqual([]), WAIT);
    expect(isRunning(backend.pid)).toBe(true);
  }

  it(
    'leaves no process and no TAP where it is killed, and nobody listens at its paths',
    async () => {
      const { vmm, devices } = await startMachine();
      expect(devices).toHaveLength(2);
      await vmm.kill('SIGKILL');
      await nothingLeft(devices);
      expect(await Promise.all(['control', 'metrics'].map((name) => refusal(at(name))))).toEqual([
        'ECONNREFUSED',
        'ECONNREFUSED',
      ]);
    },
    SLOW,
  );

  it(
    'can be started again with the same files, interfaces, backend and paths, and leaves none of its own where it is told to end',
    async () => {
      const { vmm, devices } = await startMachine();
      expect(await vmm.kill('SIGTERM')).toMatchObject({ code: 130, signal: null, stderr: '' });
      await nothingLeft(devices);
      expect(['control', 'metrics'].map((name) => existsSync(at(name)))).toEqual([false, false]);
    },
    SLOW,
  );
});
