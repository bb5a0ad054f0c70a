import { FaultCounters, MESSAGE_SIZE, MessageFramer, ProtocolError, WireFault } from 'ioregion/ioregion';
import { expect, test } from 'vitest';

const bytes = (length: number, from = 0) => Uint8Array.from({ length }, (_, index) => from + index);

test('a message is complete at its 32nd byte, not before', () => {
  const framer = new MessageFramer(2);
  framer.push(bytes(31));
  expect([framer.messages, framer.end()]).toEqual([0, WireFault.messageLength]);
  framer.push(bytes(1, 31));
  expect([framer.messages, framer.end()]).toEqual([1, WireFault.none]);
  expect(new Uint8Array(framer.area, 0, MESSAGE_SIZE)).toEqual(bytes(32));
});

test('takes no more than its capacity and says how much it took', () => {
  const framer = new MessageFramer(2);
  expect(framer.push(bytes(100))).toBe(64);
  expect(framer.push(bytes(100))).toBe(0);
  expect(framer.messages).toBe(2);
});

test('clearing keeps the beginning of the next message', () => {
  const framer = new MessageFramer(2);
  framer.push(bytes(40));
  framer.clear();
  expect(framer.messages).toBe(0);
  framer.push(bytes(24, 40));
  expect(framer.messages).toBe(1);
  expect(new Uint8Array(framer.area, 0, MESSAGE_SIZE)).toEqual(bytes(32, 32));
});

test('faults are counted by rule', () => {
  const faults = new FaultCounters();
  faults.count(WireFault.badSize);
  faults.count(WireFault.badSize);
  faults.count(WireFault.messageLength);
  expect(faults.snapshot()).toEqual({ badSize: 2, messageLength: 1 });
  expect([faults.of('badSize'), faults.of('reservedBits'), faults.total]).toEqual([2, 0, 3]);
});

test('every fault has an error with its rule, and no fault has none', () => {
  const { none, ...faults } = WireFault;
  for (const [rule, fault] of Object.entries(faults)) {
    expect(ProtocolError.of(fault)).toMatchObject({ code: 'ERR_IOREGION_PROTOCOL', name: 'ProtocolError', rule });
  }
  expect(() => ProtocolError.of(none)).toThrow(TypeError);
});
