/** Whatever a driver did to registers and rings: once it resets the device, the device works. */
import fc from 'fast-check';
import { GuestMemory } from 'ioregion/memory';
import { afterAll, expect, test } from 'vitest';
import { LocalControl } from '#dist/src/virtio/control/index.js';
import { VirtioPciFunction } from '#dist/src/virtio/pci/index.js';
import { CommonCfg, Feature } from '#dist/src/virtio/spec/index.js';
import createEchoDevice from '#dist/test/support/echo-device.js';
import { PciDriver } from '../support/pci-driver.js';
import { RecordedSink } from '../support/recorded-sink.js';
import { SplitDriver } from '../support/split-driver.js';

const memory = GuestMemory.create(1 << 20);
afterAll(() => memory.close());

function subject() {
  const control = new LocalControl({ device: createEchoDevice({ queues: 2 }), memory, blocking: true });
  const pciFunction = new VirtioPciFunction({ control, sink: new RecordedSink(), notificationData: true });
  return { control, pci: pciFunction, driver: new PciDriver(pciFunction) };
}

type Subject = ReturnType<typeof subject>;
type Step =
  | { do: 'register'; offset: number; size: number; value: number }
  | { do: 'memory'; offset: number; value: number }
  | { do: 'start'; features: bigint }
  | { do: 'send' | 'nonsense' | 'kick'; queue: number };

const FEATURES = [
  Feature.ringPacked,
  Feature.ringReset,
  Feature.indirectDesc,
  Feature.eventIdx,
  Feature.notificationData,
];
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('register' as const),
    offset: fc.oneof(fc.constantFrom(...Object.values(CommonCfg)), fc.nat(0x3010)),
    size: fc.constantFrom(1, 2, 4),
    value: fc.oneof(fc.constantFrom(0, 1, 3, 11, 15, 0x10000, 0x11000), fc.nat(0xffffffff)),
  }),
  fc.record({ do: fc.constant('memory' as const), offset: fc.nat(0x7ffc), value: fc.nat(0xffffffff) }),
  fc.record({
    do: fc.constant('start' as const),
    features: fc.subarray(FEATURES).map((bits) => bits.reduce((all, bit) => all | bit, Feature.version1)),
  }),
  fc.record({ do: fc.constantFrom('send' as const, 'nonsense' as const, 'kick' as const), queue: fc.nat(1) }),
);

function carryOut({ driver }: Subject, queues: SplitDriver[], step: Step): void {
  if (step.do === 'register') driver.write(4, step.offset, step.size, step.value);
  else if (step.do === 'memory') memory.writeU32(0x10000 + step.offset, step.value);
  else if (step.do === 'start') start(driver, step.features);
  else if (step.do === 'send') queues[step.queue]!.send(Uint8Array.of(1));
  else if (step.do === 'nonsense') queues[step.queue]!.sendNonsense();
  else driver.kick(step.queue, 2);
}

function start(driver: PciDriver, features: bigint): void {
  driver.negotiate(features);
  for (const queue of [0, 1]) driver.setUpQueue(queue, 8);
  driver.ready();
}

/** A driver that does all right has its answer. */
function expectWorking({ driver }: Subject): void {
  driver.status = 0;
  expect(driver.status).toBe(0);
  const queue = [0, 1].map((index) => new SplitDriver(memory, index))[1]!;
  start(driver, Feature.version1);
  expect(driver.status).toBe(15);
  queue.send(Uint8Array.of(9));
  driver.kick(1);
  expect([queue.usedIndex, queue.answer(0)]).toEqual([1, Uint8Array.of(10)]);
}

test('a device that a random driver has left behind works after a reset', () => {
  const made = subject();
  const recovers = fc.property(fc.array(steps, { maxLength: 60 }), (sequence) => {
    const queues = [0, 1].map((index) => new SplitDriver(memory, index));
    for (const step of sequence) carryOut(made, queues, step);
    expectWorking(made);
  });
  fc.assert(recovers, { numRuns: 500 });
});
