import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type Fd, IoVector, Mapping, PAGE_SIZE, pipe, TapOffload, TapQueue } from 'ioregion/native';
import { expect, it } from 'vitest';
import { expectOpenFds, openFds } from '../../support/open-fds.js';
import { describeWhere, program, tapDevices } from '../../support/require.js';

const HEADER_BYTES = 12;
const BROADCAST = new Uint8Array(6).fill(0xff);
const EAGAIN = -11;

const interfaceNames = () => readFileSync('/proc/net/dev', 'utf8');

describeWhere([tapDevices], 'a TAP device', () => {
  it('exists from its first queue to the end of its last one', async () => {
    const before = openFds();
    const first = TapQueue.open({ name: 'iotest%d', multiQueue: true });
    const second = TapQueue.open({ name: first.name, multiQueue: true });
    expect(first.name).toMatch(/^iotest\d+$/);
    expect(first.multiQueue).toBe(true);
    first.close();
    expect(interfaceNames()).toContain(`${second.name}:`);
    second.close();
    expect(interfaceNames()).not.toContain(`${second.name}:`);
    await expectOpenFds(before);
  });

  it('has one user, unless it is made for several queues', () => {
    using tap = TapQueue.open({ name: 'iotest%d' });
    const inUse = expect.objectContaining({ code: 'ERR_IOREGION_TAP', errnoName: 'EBUSY' });
    expect(() => TapQueue.open({ name: tap.name })).toThrow(inUse);
    expect(tap.multiQueue).toBe(false);
    expect(() => tap.setEnabled(false)).toThrow(expect.objectContaining({ errnoName: 'EINVAL' }));
  });

  it('is refused by name where the interface is of another kind', async () => {
    const before = openFds();
    expect(() => TapQueue.open({ name: 'lo' })).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_TAP' }));
    expect(() => TapQueue.open({ name: 'x'.repeat(16) })).toThrow(RangeError);
    await expectOpenFds(before);
  });

  it('takes header sizes and offloads that the kernel knows', () => {
    using tap = TapQueue.open({ name: 'iotest%d' });
    tap.setHeaderSize(HEADER_BYTES);
    tap.setOffloads(TapOffload.csum | TapOffload.tso4 | TapOffload.tso6 | TapOffload.tsoEcn);
    tap.setOffloads(0);
    expect(() => tap.setHeaderSize(9)).toThrow(RangeError);
    expect(() => tap.setOffloads(0x80)).toThrow(RangeError);
  });

  it('can be taken over from a descriptor, and nothing else can', () => {
    using tap = TapQueue.open({ name: 'iotest%d' });
    using same = TapQueue.fromFd(tap.dup());
    expect(same.name).toBe(tap.name);
    const { readEnd, writeEnd } = pipe();
    expect(() => TapQueue.fromFd(readEnd)).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_TAP' }));
    expect(readEnd.closed).toBe(false);
    readEnd.close();
    writeEnd.close();
  });
});

describeWhere([tapDevices, program('ip', '-V')], 'a TAP device that is up', () => {
  it('reads and writes frames behind a header, straight from and to mappings', () => {
    using tap = TapQueue.open({ name: 'iotest%d' });
    using mapping = Mapping.anonymous(PAGE_SIZE);
    tap.setHeaderSize(HEADER_BYTES);
    execFileSync('ip', ['link', 'set', tap.name, 'up'], { timeout: 10_000 });
    drain(tap, mapping);
    const vector = new IoVector();
    const memory = vector.attach(mapping);
    mapping.bytes.fill(0).set(BROADCAST, HEADER_BYTES);
    vector.append(memory, 0, HEADER_BYTES + 60);
    expect(vector.writeTo(tap.number)).toBe(HEADER_BYTES + 60);
    expect(receivedPackets(tap)).toBe(1);
  });
});

/** What the host sends by itself when an interface comes up. */
function drain(tap: Fd, mapping: Mapping): void {
  const vector = new IoVector();
  vector.append(vector.attach(mapping), 0, PAGE_SIZE);
  while (vector.readFrom(tap.number) > 0);
  expect(vector.readFrom(tap.number)).toBe(EAGAIN);
}

function receivedPackets(tap: TapQueue): number {
  return Number(readFileSync(`/sys/class/net/${tap.name}/statistics/rx_packets`, 'utf8'));
}
