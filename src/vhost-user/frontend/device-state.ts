/** The state of the device inside the backend, through a pipe: SET_DEVICE_STATE_FD and CHECK_DEVICE_STATE. */
import { type Fd, FdWatch, pipe, WatchEvent } from '../../native/index.js';
import { VhostUserProtocolError } from '../errors.js';
import { decodeU64, encodeDeviceState } from '../message/index.js';
import { FrontendRequest, TransferDirection, TransferPhase, TransferReply } from '../spec/index.js';
import { BackendRefusedError, BackendTimeoutError } from './errors.js';
import { getU64 } from './negotiation.js';
import type { RequestChannel } from './request-channel.js';

/** A backend cannot make this process collect more. */
export const MAX_DEVICE_STATE_BYTES: number = 64 * 2 ** 20;
const CHUNK_BYTES = 64 * 1024;

/** Of a device whose vrings have all stopped. @throws BackendRefusedError, VhostUserProtocolError */
export async function saveDeviceState(channel: RequestChannel): Promise<Uint8Array> {
  const { readEnd, writeEnd } = pipe();
  using source = await exchangeFds(channel, TransferDirection.save, writeEnd, readEnd);
  const state = await readAll(source, channel.limitMs);
  await check(channel);
  return state;
}

/** Into a device that has not been started. @throws BackendRefusedError */
export async function loadDeviceState(channel: RequestChannel, state: Uint8Array): Promise<void> {
  const { readEnd, writeEnd } = pipe();
  const sink = await exchangeFds(channel, TransferDirection.load, readEnd, writeEnd);
  await writeAll(sink, state, channel.limitMs).finally(() => sink.close());
  await check(channel);
}

/** Gives `theirs` away; returns our end, or the one that the backend prefers. */
async function exchangeFds(channel: RequestChannel, direction: number, theirs: Fd, ours: Fd): Promise<Fd> {
  try {
    const question = encodeDeviceState({ direction, phase: TransferPhase.stopped });
    const { payload, fds } = await channel.ask(FrontendRequest.setDeviceStateFd, question, {
      fds: [theirs],
      maxFds: 1,
    });
    const chosen = channel.decode(() => chooseEnd(payload, fds));
    if (chosen === null) return ours;
    ours.close();
    return chosen;
  } catch (error) {
    ours.close();
    throw error;
  } finally {
    theirs.close();
  }
}

/** null for ours. */
function chooseEnd(payload: Uint8Array, fds: readonly Fd[]): Fd | null {
  const reply = decodeReply(payload, fds);
  const own = (reply & BigInt(TransferReply.noFd)) === 0n;
  if ((reply & 0xffn) === 0n && own === (fds.length === 1)) return fds[0] ?? null;
  for (const fd of fds) fd.close();
  if ((reply & 0xffn) !== 0n) throw new BackendRefusedError(FrontendRequest.setDeviceStateFd, `it answered ${reply}`);
  throw new VhostUserProtocolError(`the answer to SET_DEVICE_STATE_FD says ${own ? 'an' : 'no'} fd, which is wrong`);
}

function decodeReply(payload: Uint8Array, fds: readonly Fd[]): bigint {
  try {
    return decodeU64(payload);
  } catch (error) {
    for (const fd of fds) fd.close();
    throw error;
  }
}

async function check(channel: RequestChannel): Promise<void> {
  const result = await getU64(channel, FrontendRequest.checkDeviceState);
  if (result !== 0n) throw new BackendRefusedError(FrontendRequest.checkDeviceState, `it answered ${result}`);
}

/** Until the other end is closed. */
function readAll(source: Fd, limitMs: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  return whileReady(source, WatchEvent.readable, limitMs, () => {
    const chunk = new Uint8Array(CHUNK_BYTES);
    const count = source.read(chunk);
    if (count === null) return false;
    if (count === 0) return true;
    chunks.push(chunk.subarray(0, count));
    length += count;
    if (length > MAX_DEVICE_STATE_BYTES)
      throw new VhostUserProtocolError(`a device state of more than ${MAX_DEVICE_STATE_BYTES} bytes`);
    return false;
  }).then(() => Uint8Array.from(Buffer.concat(chunks)));
}

function writeAll(sink: Fd, bytes: Uint8Array, limitMs: number): Promise<void> {
  let sent = 0;
  return whileReady(sink, WatchEvent.writable, limitMs, () => {
    if (sent < bytes.length) sent += sink.write(bytes.subarray(sent, sent + CHUNK_BYTES)) ?? 0;
    return sent === bytes.length;
  });
}

/**
 * Calls `step` each time the descriptor is ready, until it returns true. Rejects with what it throws, and where nothing has
 * been ready for `limitMs`.
 */
function whileReady(fd: Fd, events: number, limitMs: number, step: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      watch.close();
      settle();
    };
    const stuck = () => end(() => reject(new BackendTimeoutError(FrontendRequest.setDeviceStateFd, limitMs)));
    const timer = setTimeout(stuck, limitMs);
    const watch = new FdWatch(fd, (status) => {
      timer.refresh();
      try {
        if (status < 0) throw new VhostUserProtocolError(`the pipe of the device state failed (errno ${-status})`);
        if (step()) end(resolve);
      } catch (error) {
        end(() => reject(error));
      }
    });
    watch.select(events);
  });
}
