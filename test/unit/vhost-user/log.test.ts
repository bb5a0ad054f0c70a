/** Dirty logging: every write to guest memory is in the log by the time the driver can see it. */
import { Worker } from 'node:worker_threads';
import { EventFd, Mapping, Memfd } from 'ioregion/native';
import {
  BACKEND_RING_FEATURES,
  encodeLog,
  encodeU64,
  FrontendRequest,
  ProtocolFeature,
  VhostFeature,
} from 'ioregion/vhost-user';
import { Feature } from 'ioregion/virtio';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { DirtyLog } from '#dist/src/vhost-user/backend/log/index.js';
import { EchoDevice } from '#dist/test/support/echo-device.js';
import { layer } from '../../support/script.js';
import { answerTo, MEMORY_BYTES, makeMemory, makeQueue, request, serve, serveEcho } from './support/backend.js';

const PAGE = 4096;

function makeLog(bytes: number) {
  const file = Memfd.create({ name: 'log', size: Math.ceil(bytes / PAGE) * PAGE });
  const shrunk = EventFd.create();
  const log = DirtyLog.open({ size: BigInt(bytes), offset: 0n }, file, shrunk);
  onTestFinished(() => {
    log.close();
    shrunk.close();
    file.close();
  });
  return { file, log };
}

const protocolFeatures = ProtocolFeature.replyAck | ProtocolFeature.logShmfd;

describe.each([
  ['split', Feature.version1],
  ['split, with event indices', Feature.version1 | Feature.eventIdx],
  ['packed', Feature.version1 | Feature.ringPacked],
])('with a ring that is %s', (_format, features) => {
  test('the log has every page that has changed, from the moment F_LOG_ALL is accepted', async () => {
    const frontend = serveEcho({}, { ringFeatures: BACKEND_RING_FEATURES | Feature.ringPacked }).connect();
    const memory = makeMemory();
    await frontend.negotiate({ features, protocolFeatures });
    await frontend.shareMemory(memory);
    const queue = makeQueue(frontend, memory, { features });
    await frontend.startRing(queue.setup);
    const { file } = makeLog(MEMORY_BYTES / PAGE / 8);
    const answer = await frontend.ask(FrontendRequest.setLogBase, encodeLog({ size: 32n, offset: 0n }), [file]);
    expect(answer.payload).toEqual(encodeU64(0));
    await queue.send(request('not logged'));
    const bits = Mapping.ofFile(file, { length: 32 });
    expect([...bits.bytes].every((byte) => byte === 0)).toBe(true);

    await frontend.order(FrontendRequest.setFeatures, encodeU64(frontend.features | VhostFeature.logAll));
    await frontend.setAddress(queue.setup, { log: true });
    const before = memory.read(0, MEMORY_BYTES);
    for (let round = 0; round < 30; round++) {
      const sent = request(`round ${round}`);
      expect((await queue.send(sent)).data).toEqual(answerTo(`round ${round}`));
    }
    const after = memory.read(0, MEMORY_BYTES);
    const { descriptors, driverArea, deviceArea } = queue.setup;
    for (let page = 0; page < MEMORY_BYTES / PAGE; page++) {
      const at = page * PAGE;
      const changed = Buffer.compare(before.subarray(at, at + PAGE), after.subarray(at, at + PAGE)) !== 0;
      const marked = (bits.bytes[page >>> 3]! & (1 << (page & 7))) !== 0;
      // The driver wrote some of these pages, too; what the device wrote must be marked.
      const byDriver =
        [descriptors, driverArea].some((area) => Number(area) >>> 12 === page) && Number(deviceArea) >>> 12 !== page;
      if (changed && !byDriver) expect(marked, `page ${page}`).toBe(true);
    }
    expect((bits.bytes[Number(deviceArea) >>> 15]! & (1 << ((Number(deviceArea) >>> 12) & 7))) !== 0).toBe(true);
    bits.unmap();
  });
});

test('a guest that stops all its rings while its writes are logged may go on elsewhere: the device is told', async () => {
  const relinquish = vi.fn();
  const device = Object.assign(new EchoDevice({}), { relinquish });
  const frontend = serve(device).connect();
  const memory = makeMemory();
  await frontend.negotiate({ protocolFeatures });
  await frontend.shareMemory(memory);
  const queues = [0, 1].map((index) => makeQueue(frontend, memory, { index }));
  const startAll = async () => {
    for (const { setup } of queues) await frontend.startRing(setup);
  };
  await startAll();
  for (const index of [0, 1]) await frontend.stopRing(index);
  expect(relinquish).not.toBeCalled();

  await startAll();
  const { file } = makeLog(PAGE);
  await frontend.ask(FrontendRequest.setLogBase, encodeLog({ size: BigInt(PAGE), offset: 0n }), [file]);
  await frontend.order(FrontendRequest.setFeatures, encodeU64(frontend.features | VhostFeature.logAll));
  await frontend.stopRing(0);
  expect(relinquish).not.toBeCalled();
  await frontend.stopRing(1);
  expect(relinquish).toBeCalledTimes(1);
});

test('a write beyond the log changes nothing but a counter, whatever the address (hostile 51)', () => {
  const { log } = makeLog(4);
  log.mark(31 * PAGE, 1);
  expect(log.missed).toBe(0);
  for (const gpa of [32 * PAGE, 2 ** 32, 2 ** 51]) log.mark(gpa, 1);
  expect(log.missed).toBe(3);
  log.mark(30 * PAGE, 4 * PAGE);
  expect(log.missed).toBe(5);
  log.mark(0, 0);
});

test('a log that is not in its file is refused (hostile 51)', async () => {
  const served = serveEcho();
  const frontend = served.connect();
  await frontend.negotiate({ protocolFeatures });
  const file = Memfd.create({ name: 'log', size: PAGE });
  const order = (size: bigint, offset: bigint) =>
    frontend.ask(FrontendRequest.setLogBase, encodeLog({ size, offset }), [file], 8).then(({ payload }) => payload);
  const refused = encodeU64(1);
  expect(await order(BigInt(PAGE + 1), 0n)).toEqual(refused);
  expect(await order(16n, 2n ** 64n - 8n)).toEqual(refused);
  expect(await order(2n ** 64n - 1n, BigInt(PAGE))).toEqual(refused);
  expect(await order(0n, 0n)).toEqual(refused);
  expect(await order(16n, 1n)).toEqual(refused);
  file.close();
});

test('bits that two threads set in one byte are all there', async () => {
  const rounds = 20_000;
  const { file, log } = makeLog(PAGE);
  const code = `
    const { Fd, EventFd } = await import(${layer('native')});
    const { DirtyLog } = await import(workerData.log);
    const log = DirtyLog.open({ size: 4096n, offset: 0n }, new Fd(workerData.fd), EventFd.create());
    parentPort.postMessage('ready');
    for (let page = 1; page < 2 * ${rounds}; page += 2) log.mark((page % 32768) * 4096, 1);
    parentPort.postMessage('done');
  `;
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads'); (async () => {${code}})()`,
    {
      eval: true,
      workerData: {
        fd: file.number,
        log: new URL('../../../dist/src/vhost-user/backend/log/index.js', import.meta.url).href,
      },
    },
  );
  await new Promise((resolve) => worker.once('message', resolve));
  for (let page = 0; page < 2 * rounds; page += 2) log.mark((page % 32768) * PAGE, 1);
  await new Promise((resolve) => worker.once('message', resolve));
  await worker.terminate();
  const bits = Mapping.ofFile(file, { length: PAGE });
  expect([...bits.bytes].every((byte) => byte === 0xff)).toBe(true);
  bits.unmap();
});
