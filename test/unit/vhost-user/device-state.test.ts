/** The device's own state: saved through a pipe by one backend, loaded by another. */
import { type Fd, pipe } from 'ioregion/native';
import type { MockFrontend } from 'ioregion/testing';
import {
  encodeDeviceState,
  FrontendRequest,
  ProtocolFeature,
  TransferDirection,
  TransferReply,
} from 'ioregion/vhost-user';
import type { VirtioDevice } from 'ioregion/virtio';
import { expect, test } from 'vitest';
import { makeMemory, makeQueue, serve } from './support/backend.js';

class StatefulDevice implements VirtioDevice {
  readonly deviceType = 4;
  readonly features = 0n;
  readonly queueSizes = [8];
  readonly config = { bytes: new Uint8Array(4) };
  state: unknown = null;

  startQueue(): void {}
  kick(): void {}
  stopQueue(): void {}

  save(): unknown {
    return this.state;
  }

  restore(state: unknown): void {
    if (typeof state !== 'object' || state === null) throw new Error('no state of this device');
    this.state = state;
  }
}

const protocolFeatures = ProtocolFeature.replyAck | ProtocolFeature.deviceState;
const payload = (direction: number, phase = 0) => encodeDeviceState({ direction, phase });

async function connected(device: VirtioDevice): Promise<MockFrontend> {
  const frontend = serve(device).connect();
  await frontend.negotiate({ protocolFeatures });
  return frontend;
}

async function transfer(frontend: MockFrontend, direction: number, end: Fd): Promise<bigint> {
  const { payload: answer } = await frontend.ask(FrontendRequest.setDeviceStateFd, payload(direction), [end]);
  end.close();
  return new DataView(answer.buffer, answer.byteOffset).getBigUint64(0, true);
}

const ACCEPTED = BigInt(TransferReply.noFd);

test('state goes from one backend through a pipe to another', async () => {
  const source = new StatefulDevice();
  source.state = { table: Uint8Array.of(1, 2, 3), text: 'x'.repeat(200_000) };
  const target = new StatefulDevice();
  const [from, to] = await Promise.all([connected(source), connected(target)]);
  const { readEnd, writeEnd } = pipe();
  expect(await transfer(from, TransferDirection.save, writeEnd)).toBe(ACCEPTED);
  expect(await transfer(to, TransferDirection.load, readEnd)).toBe(ACCEPTED);
  expect(await from.get(FrontendRequest.checkDeviceState)).toBe(0n);
  expect(await to.get(FrontendRequest.checkDeviceState)).toBe(0n);
  expect(target.state).toEqual(source.state);
});

test.each([
  ['is cut off', (bytes: Uint8Array) => bytes.subarray(0, bytes.length / 2)],
  ['is of nothing', () => new Uint8Array(0)],
  ['is nonsense', (bytes: Uint8Array) => bytes.map((byte) => byte ^ 0x55)],
])('state that %s is found out by CHECK_DEVICE_STATE, and the device stays as it was', async (_what, spoil) => {
  const source = new StatefulDevice();
  source.state = { some: 'state' };
  const from = await connected(source);
  const first = pipe();
  await transfer(from, TransferDirection.save, first.writeEnd);
  await from.get(FrontendRequest.checkDeviceState);
  const bytes = new Uint8Array(4096);
  const count = first.readEnd.read(bytes)!;
  first.readEnd.close();

  const target = new StatefulDevice();
  const to = await connected(target);
  const second = pipe();
  expect(await transfer(to, TransferDirection.load, second.readEnd)).toBe(ACCEPTED);
  const spoilt = spoil(bytes.slice(0, count));
  if (spoilt.length > 0) second.writeEnd.write(spoilt);
  second.writeEnd.close();
  expect(await to.get(FrontendRequest.checkDeviceState)).toBe(1n);
  expect(target.state).toBeNull();
});

test('is refused while a ring runs, in an unknown direction or phase, and without a pipe', async () => {
  const frontend = await connected(new StatefulDevice());
  const refused = ACCEPTED | BigInt(TransferReply.error);
  const { readEnd, writeEnd } = pipe();
  const ask = async (direction: number, phase: number, fd: Fd) => {
    const { payload: answer } = await frontend.ask(FrontendRequest.setDeviceStateFd, payload(direction, phase), [fd]);
    return new DataView(answer.buffer, answer.byteOffset).getBigUint64(0, true);
  };
  expect(await ask(2, 0, writeEnd)).toBe(refused);
  expect(await ask(0, 1, writeEnd)).toBe(refused);
  const memory = makeMemory();
  expect(await ask(0, 0, memory.regions[0]!.file!.fd)).toBe(refused);
  await frontend.shareMemory(memory);
  await frontend.startRing(makeQueue(frontend, memory).setup);
  expect(await ask(0, 0, writeEnd)).toBe(refused);
  readEnd.close();
  writeEnd.close();
});

test('a connection that ends in the middle of a transfer leaves nothing open', async () => {
  const frontend = await connected(new StatefulDevice());
  const { readEnd, writeEnd } = pipe();
  await transfer(frontend, TransferDirection.load, readEnd);
  frontend.tell(FrontendRequest.checkDeviceState);
  frontend.close();
  await frontend.closed;
  writeEnd.close();
});
