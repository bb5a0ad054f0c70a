/** What a caller that goes away, or waits, must not do to the others. */
import { readdirSync } from 'node:fs';
import { LoopbackDispatcher, type RegionOptions } from 'ioregion/ioregion';
import { AccessOutcome, type Fd, native, socketpair } from 'ioregion/native';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kickWhenSent } from '#dist/test/stress/kick-when-sent.js';

const RESPONSE_BYTES = 32;

function response(value: number): Uint8Array {
  const bytes = new Uint8Array(RESPONSE_BYTES);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

describe('a loopback caller', () => {
  let dispatcher: LoopbackDispatcher;
  let vmm: Fd;
  let device: Fd;

  beforeEach(() => {
    dispatcher = new LoopbackDispatcher();
    [vmm, device] = socketpair('seqpacket');
  });
  afterEach(() => {
    dispatcher.close();
    vmm.close();
    device.close();
  });

  const region = (gpa: number): RegionOptions => ({ space: 'mmio', gpa, size: 0x1000, readFd: vmm, writeFd: vmm });

  /** A caller whose command is with the device, and which has been kicked out of waiting for the response. */
  async function waitingCaller() {
    dispatcher.addRegion(region(0x1000));
    const caller = dispatcher.createCaller();
    const kicked = kickWhenSent(device, caller);
    expect(caller.begin('mmio', false, 0x1000, 4)).toBe(AccessOutcome.interrupted);
    await kicked;
    return caller;
  }

  it('leaves the channel to the next caller when it is closed in the middle of an access', async () => {
    const abandoned = await waitingCaller();
    abandoned.close();
    device.write(response(0xdead)); /* to the abandoned command: must be dropped */
    device.read(new Uint8Array(RESPONSE_BYTES));
    const next = dispatcher.createCaller();
    const kicked = kickWhenSent(device, next);
    expect(next.begin('mmio', false, 0x1000, 4)).toBe(AccessOutcome.interrupted);
    await kicked;
    device.read(new Uint8Array(RESPONSE_BYTES));
    device.write(response(0x1234));
    expect([next.resume(), next.valueLow]).toEqual([AccessOutcome.done, 0x1234]);
    next.close();
  });

  it('cannot be used once it is closed', () => {
    const caller = dispatcher.createCaller();
    caller.close();
    expect(() => caller.read('mmio', 0x1000, 4)).toThrow(TypeError);
    expect(() => caller.resume()).toThrow(TypeError);
    expect(() => caller.close()).not.toThrow();
  });

  it('that waits holds up nobody who adds a region on the same fd', async () => {
    const caller = await waitingCaller();
    expect(dispatcher.addRegion(region(0x3000)).stats()?.reads).toBe(0);
    caller.close();
  });

  it('that waits holds up nobody who reconnects a channel that has not failed', async () => {
    const caller = await waitingCaller();
    const reconnect = () => native.regionReconnect(dispatcher.object, 1, vmm.number, vmm.number);
    expect(reconnect).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    caller.close();
  });

  it('keeps no thread of its dispatcher alive once both are closed', () => {
    const threads = () => readdirSync('/proc/self/task').length;
    const before = threads();
    for (let round = 0; round < 20; round++) {
      const own = new LoopbackDispatcher();
      own.addRegion({ ...region(0x1000), deadlineMs: 100 });
      own.createCaller().close();
      own.close();
    }
    expect(threads()).toBe(before);
  });
});
