/** A backend with a device, and a mock frontend with memory, at the two ends of a socketpair. */
import { GuestMemory } from 'ioregion/memory';
import { socketpair } from 'ioregion/native';
import { MockFrontend, MockQueue } from 'ioregion/testing';
import { BackendServer, type BackendServerOptions, type Session } from 'ioregion/vhost-user';
import { Feature, type VirtioDevice } from 'ioregion/virtio';
import { onTestFinished, vi } from 'vitest';
import { EchoDevice, type EchoOptions } from '#dist/test/support/echo-device.js';

export const eventually = (check: () => void) => vi.waitFor(check, { timeout: 30_000, interval: 2 });

export interface Served<Device extends VirtioDevice> {
  readonly device: Device;
  readonly server: BackendServer;
  readonly log: string[];
  /** Another frontend. */
  connect(): MockFrontend;
  /** The session of the last one. */
  session(): Session;
}

/** A backend that ends with the test. */
export function serve<Device extends VirtioDevice>(
  device: Device,
  options: Partial<BackendServerOptions> = {},
): Served<Device> {
  const log: string[] = [];
  const sessions: Session[] = [];
  const server = new BackendServer({
    device,
    log: (message) => void log.push(message),
    onSession: (session) => void sessions.push(session),
    ...options,
  });
  const frontends: MockFrontend[] = [];
  onTestFinished(async () => {
    for (const frontend of frontends) frontend.close();
    await server.close();
  });
  const connect = () => {
    const [ours, theirs] = socketpair('stream');
    server.serve(theirs);
    const frontend = new MockFrontend(ours);
    frontends.push(frontend);
    return frontend;
  };
  return { device, server, log, connect, session: () => sessions.at(-1)! };
}

export const serveEcho = (echo: EchoOptions = {}, options: Partial<BackendServerOptions> = {}) =>
  serve(new EchoDevice(echo), options);

export const MEMORY_BYTES = 1 << 20;
/** Bytes of memory for each queue. */
const QUEUE_BYTES = 0x10000;

export function makeMemory(bytes = MEMORY_BYTES): GuestMemory {
  const memory = GuestMemory.create(bytes);
  onTestFinished(() => memory.close());
  return memory;
}

export interface QueueOptions {
  readonly index?: number;
  readonly size?: number;
  readonly features?: bigint;
  /** Of memory, for the ring and its buffers. */
  readonly bytes?: number;
}

/** A queue of the driver whose kicks and calls go by the frontend. */
export function makeQueue(
  frontend: MockFrontend,
  memory: GuestMemory,
  { index = 0, size = 8, features = Feature.version1, bytes = QUEUE_BYTES }: QueueOptions = {},
): MockQueue {
  const base = QUEUE_BYTES * (index + 1);
  const place = { index, size, features, base, end: base + bytes };
  const queue = new MockQueue(memory, { ...place, kick: () => frontend.kick(index) });
  const before = frontend.onCall;
  frontend.onCall = (called) => (called === index ? queue.called() : before(called));
  return queue;
}

/** What the echo device is sent, and what it answers with. */
export const request = (text: string) => [{ bytes: new TextEncoder().encode(text) }, { room: 64 }];
export const answerTo = (text: string) => new TextEncoder().encode(text).map((byte) => byte + 1);
