/** A function suspended, saved and restored elsewhere, under a driver that does not see it; and states that are wrong. */
import fc from 'fast-check';
import { GuestMemory } from 'ioregion/memory';
import { afterAll, describe, expect, test } from 'vitest';
import { LocalControl } from '#dist/src/virtio/control/index.js';
import { VirtioPciFunction } from '#dist/src/virtio/pci/index.js';
import { CommonCfg, Feature } from '#dist/src/virtio/spec/index.js';
import { decodeState, encodeState } from '#dist/src/virtio/state/index.js';
import { EchoDevice } from '#dist/test/support/echo-device.js';
import { PciDriver } from '../support/pci-driver.js';
import { RecordedControl } from '../support/recorded-control.js';
import { RecordedSink } from '../support/recorded-sink.js';
import { SplitDriver } from '../support/split-driver.js';

const memory = GuestMemory.create(1 << 20);
afterAll(() => memory.close());

function echo(options: ConstructorParameters<typeof EchoDevice>[0] = {}) {
  const device = new EchoDevice(options);
  const control = new LocalControl({ device, memory, blocking: options.slow !== true });
  const sink = new RecordedSink();
  const pci = new VirtioPciFunction({ control, sink });
  return { device, control, sink, pci, driver: new PciDriver(pci) };
}

/** MSI-X on, vector n + 1 for queue n; both queues run. */
function start(driver: PciDriver): void {
  driver.enableMsix();
  for (const vector of [0, 1, 2]) driver.setVector(vector);
  driver.negotiate(Feature.version1 | Feature.ringReset);
  for (const queue of [0, 1]) {
    driver.setUpQueue(queue, 8);
    driver.set16(CommonCfg.queueMsixVector, queue + 1);
  }
  driver.ready();
}

/** What `save` gives after the way through a file. */
function stateOf(pci: VirtioPciFunction): unknown {
  pci.suspend();
  expect(pci.quiet).toBe(true);
  return decodeState(encodeState(pci.save()));
}

describe('a function that is saved', () => {
  test('goes on in another one where it was: registers, vectors, rings', () => {
    const queue = new SplitDriver(memory, 1);
    const first = echo();
    start(first.driver);
    for (const byte of [1, 2]) queue.send(Uint8Array.of(byte));
    first.driver.kick(1);
    queue.send(Uint8Array.of(3)); // made available, and not kicked yet
    const second = echo();
    second.pci.restore(stateOf(first.pci));
    for (const offset of [CommonCfg.deviceStatus, CommonCfg.queueMsixVector, CommonCfg.queueSelect]) {
      expect(second.driver.get16(offset)).toBe(first.driver.get16(offset));
    }
    expect(second.sink.take()).toEqual([]);
    second.pci.resume();
    expect(second.sink.take()).toContain(2);
    expect([0, 1, 2].map((index) => queue.answer(index)[0])).toEqual([2, 3, 4]);
    queue.send(Uint8Array.of(4));
    second.driver.kick(1);
    expect([queue.usedIndex, queue.answer(3)[0]]).toEqual([4, 5]);
    expect(second.sink.take()).toEqual([2]);
  });

  test('goes on itself as well', () => {
    const queue = new SplitDriver(memory, 0);
    const { driver, pci } = echo();
    start(driver);
    stateOf(pci);
    queue.send(Uint8Array.of(1));
    pci.resume();
    pci.resume();
    expect(queue.answer(0)[0]).toBe(2);
  });

  test('is not quiet before its device has stopped', async () => {
    const { device, control, driver, pci } = echo({ slow: true });
    start(driver);
    pci.suspend();
    expect(pci.quiet).toBe(false);
    device.release();
    await control.settled();
    expect(pci.quiet).toBe(true);
  });

  test('is not quiet while the driver resets it, and is a fresh one then', async () => {
    const { device, control, driver, pci } = echo({ slow: true });
    start(driver);
    driver.status = 0;
    pci.suspend();
    expect(pci.quiet).toBe(false);
    device.release();
    await control.settled();
    expect(pci.quiet).toBe(true);
    const other = echo();
    other.pci.restore(pci.save());
    other.pci.resume();
    expect([other.driver.status, other.device.log]).toEqual([0, []]);
  });

  test('keeps a queue that the driver has reset stopped', () => {
    const { driver, pci } = echo();
    start(driver);
    driver.set16(CommonCfg.queueSelect, 1);
    driver.set16(CommonCfg.queueReset, 1);
    const other = echo();
    other.pci.restore(stateOf(pci));
    other.pci.resume();
    expect(other.device.log.filter((line) => line.startsWith('start'))).toEqual(['start 0']);
  });

  test('sends what was pending under a mask once that goes', () => {
    const queue = new SplitDriver(memory, 0);
    const first = echo();
    start(first.driver);
    first.driver.mask(1, true);
    queue.send(Uint8Array.of(1));
    first.driver.kick(0);
    const second = echo();
    second.pci.restore(stateOf(first.pci));
    expect([second.sink.take(), second.driver.pending]).toEqual([[], 0b10]);
    second.driver.mask(1, false);
    expect(second.sink.take()).toEqual([1]);
  });

  test('says that it needs a reset where it did', () => {
    const { driver, pci } = echo({ fault: 'activate' });
    start(driver);
    const other = echo();
    other.pci.restore(stateOf(pci));
    expect(other.driver.status & 0x40).toBe(0x40);
  });
});

describe('a state of a function that comes from anybody', () => {
  const refused = expect.objectContaining({ code: expect.stringMatching(/^ERR_IOREGION_(SAVED|REGISTER)_STATE$/) });
  const good = (() => {
    const { driver, pci } = echo();
    start(driver);
    return stateOf(pci) as Record<string, unknown>;
  })();

  test('is refused for another device, other queues, or features that are not offered', () => {
    const other = new VirtioPciFunction({ control: new RecordedControl({ deviceType: 2 }), sink: new RecordedSink() });
    expect(() => other.restore(good)).toThrow(refused);
    expect(() => echo({ queues: 3 }).pci.restore(good)).toThrow(refused);
    const transport = { ...(good.transport as object), driverFeatures: [0, 0xffff_ffff, 0, 0] };
    expect(() => echo().pci.restore({ ...good, transport })).toThrow('not those that the device offers');
  });

  test('with a ring outside of memory fails its queue, once it is resumed', () => {
    const transport = structuredClone(good.transport) as { queues: { descriptors: number[] }[] };
    transport.queues[1]!.descriptors = [0, 0xffff];
    const { driver, pci } = echo();
    pci.restore({ ...good, transport });
    pci.resume();
    expect(driver.status & 0x40).toBe(0x40);
  });

  const paths = leaves(good);
  const junk = fc.oneof(
    fc.constantFrom(null, -1, 1.5, 2 ** 40, '', [], {}, undefined),
    fc.nat(0xffff_ffff),
    fc.boolean(),
  );
  test('is refused by a coded error or taken over, whatever is wrong with it', () => {
    const property = fc.property(fc.constantFrom(...paths), junk, (path, value) => {
      const { pci } = echo();
      try {
        pci.restore(replaced(good, path, value));
      } catch (error) {
        expect(error).toEqual(refused);
        return;
      }
      pci.resume();
      pci.suspend();
    });
    fc.assert(property, { numRuns: 500 });
  });
});

describe('plain data', () => {
  const value = { a: [1, 'x', null, true], b: 5n, c: Uint8Array.of(1, 2), d: Uint32Array.of(7), e: { f: -1.5 } };

  test('comes back as it was, and what is missing in an object stays missing', () => {
    expect(decodeState(encodeState({ ...value, g: undefined }))).toEqual(value);
  });

  test.each([[() => {}], [Symbol('x')], [{ $u8: 'x' }], [Number.NaN]])('is not %s', (wrong) => {
    expect(() => encodeState({ wrong })).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_SAVED_STATE' }));
  });

  test('of any bytes is data or a coded error', () => {
    const text = new TextDecoder().decode(encodeState(value));
    const damaged = fc.tuple(fc.nat(text.length), fc.string({ maxLength: 8 })).map(([at, put]) => {
      return new TextEncoder().encode(text.slice(0, at) + put + text.slice(at + 1));
    });
    const property = fc.property(fc.oneof(fc.uint8Array(), damaged), (bytes) => {
      try {
        decodeState(bytes);
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_IOREGION_SAVED_STATE' });
      }
    });
    fc.assert(property);
    expect(() => decodeState(new TextEncoder().encode(`${'['.repeat(100)}${']'.repeat(100)}`))).toThrow('too deeply');
  });
});

type Path = readonly (string | number)[];

function leaves(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.keys(value).flatMap((key) => leaves(Reflect.get(value, key), [...path, key]))];
}

function replaced(value: unknown, [key, ...rest]: Path, by: unknown): unknown {
  if (key === undefined) return by;
  const copy = structuredClone(value) as object;
  Reflect.set(copy, key, replaced(Reflect.get(copy, key), rest, by));
  return copy;
}
