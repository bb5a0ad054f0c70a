/** `ioregion region-server`: a device in a process of its own, started as a user would. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DevicePort, LoopbackDispatcher, type OwnedChannel, type RegionOffer } from 'ioregion/ioregion';
import t, { type Test } from 'tap';
import { processUsage, settledUsage } from '../support/process-usage.js';
import { NodeProcess, type ProcessExit } from '../support/processes.js';

const PROGRAM = fileURLToPath(new URL('../../src/cli/ioregion.cjs', import.meta.url));
const COUNTER = fileURLToPath(new URL('../../examples/counter-device.js', import.meta.url));
const SHARED_SUM = fileURLToPath(new URL('../stress/devices/shared-sum.js', import.meta.url));
const GPA = 0xd000_0000;
const STRIDE = 0x1000;
const COUNT = 4;
const DOORBELL = 8;

interface Running {
  readonly port: DevicePort;
  readonly process: NodeProcess;
}

/** Starts the program against a device port. */
function start(test: Test, args: readonly string[]): Running {
  const directory = mkdtempSync(join(tmpdir(), 'ioregion-port-'));
  const path = join(directory, 'port');
  const port = DevicePort.listen(path);
  test.teardown(() => {
    port.close();
    rmSync(directory, { recursive: true });
  });
  return { port, process: new NodeProcess(PROGRAM, ['region-server', '--socket', path, ...args]) };
}

async function offer({ port }: Running, regions: readonly RegionOffer[]): Promise<Map<string, OwnedChannel>> {
  const connection = await port.accept();
  const channels = connection.offer(regions);
  connection.close();
  return channels;
}

/** Whether the process says that its devices are there. */
async function isReady({ port }: Running, regions: readonly RegionOffer[]): Promise<boolean> {
  const connection = await port.accept();
  const channels = connection.offer(regions);
  const ready = await connection.ready().then(
    () => true,
    () => false,
  );
  for (const channel of channels.values()) channel[Symbol.dispose]();
  connection.close();
  return ready;
}

/** Adds what was offered, region by region, at GPA, GPA + STRIDE, … */
function addRegions(regions: readonly RegionOffer[], channels: Map<string, OwnedChannel>): LoopbackDispatcher {
  const dispatcher = new LoopbackDispatcher();
  for (const [index, { space, size, userData = 0, postedWrites = false, channel = 'default' }] of regions.entries()) {
    const { readFd, writeFd } = channels.get(channel)!;
    dispatcher.addRegion({ space, gpa: GPA + index * STRIDE, size, userData, postedWrites, readFd, writeFd });
  }
  return dispatcher;
}

function hangUp(dispatcher: LoopbackDispatcher, channels: Map<string, OwnedChannel>): void {
  dispatcher.close();
  for (const channel of channels.values()) channel[Symbol.dispose]();
}

/** The status given, and nothing said. */
function endedWith(test: Test, exit: ProcessExit, status: Pick<ProcessExit, 'code' | 'signal'>): void {
  const { code, signal, stdout, stderr } = exit;
  test.same({ code, signal, stdout, stderr }, { ...status, stdout: '', stderr: '' }, 'it ends without a word');
}

/** Non-zero status and one line, with a code, on stderr. */
function refused(test: Test, exit: ProcessExit, code: RegExp): void {
  test.equal(exit.code, 1, 'it fails');
  test.match(exit.stderr, code, 'it says why');
  test.equal(exit.stderr.trim().split('\n').length, 1, 'in one line');
  test.equal(exit.stdout, '', 'on stderr');
}

t.test('serves all regions of one channel until the VMM hangs up', async (test) => {
  const before = processUsage();
  const running = start(test, [COUNTER, '--options', '{"count": 40}', '--cpu', '0']);
  const regions: RegionOffer[] = [
    { name: 'first', space: 'mmio', size: 0x20, userData: 1 },
    { name: 'second', space: 'mmio', size: 0x20, userData: 2 },
  ];
  const channels = await offer(running, regions);
  const dispatcher = addRegions(regions, channels);
  const caller = dispatcher.createCaller();
  caller.write('mmio', GPA + DOORBELL, 4, 1);
  test.equal(caller.read('mmio', GPA + COUNT, 4), 41, 'the options arrived');
  test.equal(caller.read('mmio', GPA + STRIDE + COUNT, 4), 40, 'each region has a device of its own');
  caller.close();
  hangUp(dispatcher, channels);
  endedWith(test, await running.process.exited, { code: 0, signal: null });
  running.port.close();
  test.same(await settledUsage(before), before, 'the VMM has nothing left of it');
});

t.test('serves several channels on threads that keep the order of the device', async (test) => {
  const running = start(test, [SHARED_SUM, '--shared', '4']);
  const regions: RegionOffer[] = [
    { name: 'status', space: 'mmio', size: 4, userData: 1, channel: 'status' },
    { name: 'doorbell', space: 'mmio', size: 4, userData: 2, channel: 'doorbell', postedWrites: true },
  ];
  const channels = await offer(running, regions);
  const dispatcher = addRegions(regions, channels);
  const caller = dispatcher.createCaller();
  let expected = 0;
  let wrong = 0;
  for (let round = 0; round < 2000; round++) {
    for (let ring = 0; ring <= round % 7; ring++, expected++) caller.write('mmio', GPA + STRIDE, 4, 1);
    if (caller.read('mmio', GPA, 4) !== expected) wrong += 1;
  }
  test.equal(wrong, 0, 'a read sees every write posted before it on the other channel');
  caller.close();
  hangUp(dispatcher, channels);
  endedWith(test, await running.process.exited, { code: 0, signal: null });
});

for (const channels of [['default'], ['first', 'second']]) {
  t.test(`says when its devices are there, of ${channels.length} channel(s)`, async (test) => {
    const regions = channels.map((channel): RegionOffer => ({ name: channel, space: 'mmio', size: 0x20, channel }));
    test.ok(await isReady(start(test, [COUNTER]), regions), 'devices that can be made');
    test.notOk(await isReady(start(test, ['/nowhere/device.mjs']), regions), 'devices that cannot');
  });
}

t.test('ends at once on SIGTERM, and the VMM sees it hang up', async (test) => {
  const running = start(test, [COUNTER]);
  const regions: RegionOffer[] = [{ name: 'bar0', space: 'mmio', size: 0x20 }];
  const channels = await offer(running, regions);
  const dispatcher = addRegions(regions, channels);
  const caller = dispatcher.createCaller();
  test.equal(caller.read('mmio', GPA, 4), 0x1_0000, 'it serves');
  const exit = await running.process.kill('SIGTERM');
  endedWith(test, exit, { code: null, signal: 'SIGTERM' });
  caller.onFailure = (failure) => {
    test.equal(failure.code, 'ERR_IOREGION_PEER_CLOSED');
    return 'all-ones';
  };
  test.equal(caller.read('mmio', GPA, 4), 0xffff_ffff);
  caller.close();
  hangUp(dispatcher, channels);
});

t.test('says in one line what is wrong', async (test) => {
  const one: RegionOffer[] = [{ name: 'bar0', space: 'mmio', size: 0x20 }];
  const two: RegionOffer[] = [...one, { name: 'bar1', space: 'mmio', size: 0x20, channel: 'second' }];

  test.test('no VMM at the socket', async (subtest) => {
    const process = new NodeProcess(PROGRAM, ['region-server', '--socket', '/nowhere/port', COUNTER]);
    refused(subtest, await process.exited, /ERR_IOREGION_SOCKET_UNREACHABLE/);
  });
  for (const regions of [one, two]) {
    test.test(`a module that is not there, with ${regions.length} channel(s)`, async (subtest) => {
      const running = start(subtest, ['/nowhere/device.mjs']);
      const channels = await offer(running, regions);
      refused(
        subtest,
        await running.process.exited,
        /^ioregion: device module \/nowhere\/device.mjs: [^/].*ERR_IOREGION_DEVICE_LOAD/,
      );
      for (const channel of channels.values()) channel[Symbol.dispose]();
    });
    test.test(`a VMM that breaks the protocol, with ${regions.length} channel(s)`, async (subtest) => {
      const running = start(subtest, [COUNTER]);
      const channels = await offer(running, regions);
      const [first] = channels.values();
      first!.fd.write(new Uint8Array(31));
      for (const channel of channels.values()) channel[Symbol.dispose]();
      refused(subtest, await running.process.exited, /ERR_IOREGION_/);
    });
  }
  test.test('a VMM that hangs up before its offer', async (subtest) => {
    const running = start(subtest, [COUNTER]);
    (await running.port.accept()).close();
    refused(subtest, await running.process.exited, /ERR_IOREGION_CONTROL_PROTOCOL/);
  });
  test.test('options that are not JSON', async (subtest) => {
    const process = new NodeProcess(PROGRAM, ['region-server', '--socket', '/x', COUNTER, '--options', '{']);
    refused(subtest, await process.exited, /must be JSON/);
  });
  test.test('a CPU that does not exist', async (subtest) => {
    const running = start(subtest, [COUNTER, '--cpu', '1023']);
    refused(subtest, await running.process.exited, /ERR_IOREGION_SYSTEM/);
  });
});
