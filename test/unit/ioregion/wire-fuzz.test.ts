/**
 * Random and mutated messages, through the decoder and into a device. IOREGION_FUZZ_MESSAGES sets how many
 * (default 1,000,000); IOREGION_FUZZ_SEED repeats a run.
 */

import {
  AccessValue,
  CommandKind,
  CommandView,
  decodeResponse,
  encodeCommand,
  encodeResponse,
  FaultCounters,
  MESSAGE_SIZE,
  MessageFramer,
  messageWords,
  readAny,
  ruleOf,
  WireFault,
  writeAny,
} from 'ioregion/ioregion';
import { expect, test } from 'vitest';
import createCounter from '#dist/examples/counter-device.js';

const messages = Number(process.env.IOREGION_FUZZ_MESSAGES ?? 1_000_000);
const seed = Number(process.env.IOREGION_FUZZ_SEED ?? Date.now() % 2 ** 32);
const batch = 64;

/** xorshift32: fast, and the same for the same seed. */
function randomSource(start: number): () => number {
  let state = start | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** A quarter of the messages is noise, the others are commands of either revision with up to two bits flipped. */
function fillBatch(words: Uint32Array, random: () => number): void {
  for (let at = 0; at < words.length; at += 1) words[at] = random();
  for (let index = 0; index < batch; index += 1) {
    if (random() % 4 === 0) continue;
    const kind = random() % 2 === 0 ? CommandKind.read : CommandKind.write;
    const size = 1 << (random() % 4);
    const offset = random() % 0x28;
    const responseWanted = kind === CommandKind.read || random() % 2 === 0;
    const user = { userDataLow: random(), userDataHigh: random() };
    const data = { dataLow: random(), dataHigh: random() };
    encodeCommand(words, index, { kind, size, offset, responseWanted, ...user, ...data }, random() % 2 === 0 ? 2 : 3);
    for (let flips = random() % 3; flips > 0; flips -= 1) words[index * 8 + (random() % 8)]! ^= 1 << (random() % 32);
  }
}

function sameFields(a: CommandView, b: CommandView): boolean {
  const heads = a.version === b.version && a.kind === b.kind && a.size === b.size;
  const users = a.userDataLow === b.userDataLow && a.userDataHigh === b.userDataHigh;
  const values = a.offset === b.offset && a.dataLow === b.dataLow && a.dataHigh === b.dataHigh;
  return heads && users && values && a.responseWanted === b.responseWanted;
}

test(`no message crashes the decoder or a device, and what decodes encodes back (seed ${seed})`, () => {
  const random = randomSource(seed);
  const area = new ArrayBuffer(batch * MESSAGE_SIZE);
  const words = messageWords(area, 0, batch);
  const view = new CommandView(area, 0, batch);
  const echo = new ArrayBuffer(MESSAGE_SIZE);
  const echoWords = messageWords(echo, 0, 1);
  const echoed = new CommandView(echo, 0, 1);
  const device = createCounter();
  const value = new AccessValue();
  const faults = new FaultCounters();
  let accesses = 0;
  let lost = 0;
  for (let done = 0; done < messages; done += batch) {
    fillBatch(words, random);
    for (let index = 0; index < batch; index += 1) {
      const fault = view.decode(index);
      if (fault !== WireFault.none) {
        faults.count(fault);
        continue;
      }
      accesses += 1;
      encodeCommand(echoWords, 0, view, view.version);
      if (echoed.decode(0) !== WireFault.none || !sameFields(echoed, view)) lost += 1;
      value.set(view.dataLow, view.dataHigh);
      if (view.kind === CommandKind.read) readAny(device, view.offset, view.size, value);
      else writeAny(device, view.offset, view.size, value);
    }
  }
  expect(lost).toBe(0);
  expect(accesses + faults.total).toBe(Math.ceil(messages / batch) * batch);
  expect(accesses).toBeGreaterThan(messages / 4);
  const unnamed = Object.keys(faults.snapshot()).filter((rule) => ruleOf(WireFault[rule as 'badSize']) !== rule);
  expect(unnamed).toEqual([]);
  expect(faults.of('messageLength')).toBe(0);
  for (const rule of ['mixedVersions', 'reservedBits', 'unknownCommand', 'badSize', 'offsetTooLarge'] as const) {
    expect([rule, faults.of(rule) > 0]).toEqual([rule, true]);
  }
}, 600_000);

test(`a stream cut anywhere gives the same messages, in bounded memory (seed ${seed})`, () => {
  const random = randomSource(seed);
  const framer = new MessageFramer(4);
  const sent = Uint8Array.from({ length: 3001 * MESSAGE_SIZE + 7 }, random);
  const received: number[] = [];
  const area = new Uint8Array(framer.area);
  let at = 0;
  while (at < sent.length) {
    const chunk = sent.subarray(at, at + 1 + (random() % 200));
    at += framer.push(chunk);
    received.push(...area.subarray(0, framer.messages * MESSAGE_SIZE));
    framer.clear();
  }
  expect(Buffer.from(received).equals(sent.subarray(0, 3001 * MESSAGE_SIZE))).toBe(true);
  expect(framer.area.byteLength).toBe(4 * MESSAGE_SIZE);
  expect(framer.end()).toBe(WireFault.messageLength);
});

test('any response decodes to the low bytes of its data field', () => {
  const random = randomSource(seed);
  const words = messageWords(new ArrayBuffer(MESSAGE_SIZE), 0, 1);
  const value = new AccessValue();
  for (let round = 0; round < 10_000; round += 1) {
    for (let at = 0; at < words.length; at += 1) words[at] = random();
    const size = 1 << (random() % 4);
    decodeResponse(words, 0, size, value);
    const field = BigInt(words[0]!) + BigInt(words[1]!) * 2n ** 32n;
    expect(value.bigint).toBe(BigInt.asUintN(8 * size, field));
    encodeResponse(words, 0, value.low, value.high);
    expect(words.subarray(2).every((word) => word === 0)).toBe(true);
  }
});
