/** Random accesses to every register, from a driver that knows what to write as often as from one that does not. */
import fc from 'fast-check';
import { AccessValue, type RegisterDevice, readAny, writeAny } from 'ioregion/ioregion';
import { expect, test } from 'vitest';
import { CommonCfg, DeviceStatus, DeviceType, Feature, LegacyCfg } from '#dist/src/virtio/spec/index.js';
import { notifiedMachine } from '../support/machine.js';
import { RecordedBinder } from '../support/recorded-binder.js';

const QUEUES = 3;
const VECTORS = 4;

function subject(slow: boolean) {
  const binder = new RecordedBinder();
  const made = notifiedMachine({
    binder,
    limit: 'many',
    slow,
    deviceType: DeviceType.network,
    transitional: true,
    notificationData: true,
    vectors: VECTORS,
    queueSizes: [256, 16, 1024],
    features: 0b1010_1010n,
    config: new Uint8Array(11).fill(0x5a),
  });
  return { ...made, binder };
}

type Subject = ReturnType<typeof subject>;

const status = Object.values(DeviceStatus).reduce((all, bit) => all | bit, 0);
const steps = [0, 1, 3, 11, 15, status];
/** Values that mean something to some register, and any other. */
const values = fc.oneof(
  fc.constantFrom(...steps, 2, 4, 0xff, 0xffff, 0xffffffff, 0x80000000, 0x8000, 0xc000, 0x4000),
  fc.constantFrom(0xd0000000, 0xe0000000, 0xc000, 0x00050001, 256, 1024, 0x40000001),
  fc.nat(0xffffffff),
);

type Step =
  | { do: 'access'; write: boolean; place: number; offset: number; size: number; value: number }
  | { do: 'negotiate'; features: number; queues: number }
  | { do: 'event'; event: 'queue' | 'config' | 'fail' | 'publish' | 'finish'; queue: number };

const offsets = fc.oneof(
  fc.constantFrom(...Object.values(CommonCfg), ...Object.values(LegacyCfg)),
  fc.nat(0x50),
  fc.nat(0x4010),
  fc.constantFrom(0x1000, 0x2000, 0x2008, 0x3000, 0x3004, 0x3008, 0x300c, 0x42, 0x43, 0x98, 0x9c, 0xa0, 0xa4),
);
const access = fc.record({
  do: fc.constant('access' as const),
  write: fc.boolean(),
  place: fc.nat(5),
  offset: offsets,
  size: fc.constantFrom(1, 2, 4, 8),
  value: values,
});
const negotiate = fc.record({ do: fc.constant('negotiate' as const), features: fc.nat(7), queues: fc.nat(7) });
const event = fc.record({
  do: fc.constant('event' as const),
  event: fc.constantFrom(
    'queue' as const,
    'queue' as const,
    'config' as const,
    'fail' as const,
    'publish' as const,
    'finish' as const,
  ),
  queue: fc.nat(QUEUES - 1),
});
const sequences = fc.array(
  fc.oneof({ weight: 12, arbitrary: access }, { weight: 1, arbitrary: negotiate }, { weight: 4, arbitrary: event }),
  { maxLength: 120 },
);

const FEATURES = [Feature.ringPacked, Feature.ringReset, Feature.notificationData];

function carryOut(made: Subject, step: Step): void {
  if (step.do === 'access') accessAt(made, step);
  else if (step.do === 'negotiate') startWith(made, step);
  else happen(made, step);
}

function startWith({ driver }: Subject, step: Extract<Step, { do: 'negotiate' }>): void {
  const chosen = FEATURES.filter((_, bit) => ((step.features >> bit) & 1) === 1);
  driver.negotiate(chosen.reduce((all, bit) => all | bit, Feature.version1));
  for (let queue = 0; queue < QUEUES; queue++) if (((step.queues >> queue) & 1) === 1) driver.setUpQueue(queue);
  driver.ready();
}

function happen({ control }: Subject, { event, queue }: Extract<Step, { do: 'event' }>): void {
  if (event === 'finish') control.finish();
  else if (event === 'publish') control.config.publish(new Uint8Array(11).fill(queue));
  else if (!control.state.active) return;
  else if (event === 'fail') control.fail();
  else if (event === 'config') control.interrupts!.callConfig();
  else control.interrupts!.callQueue(queue);
}

function accessAt(made: Subject, { write, place, offset, size, value }: Extract<Step, { do: 'access' }>): void {
  const devices: RegisterDevice[] = [made.function.config, ...made.function.regions.map(({ device }) => device)];
  const device = devices[place % devices.length]!;
  const carried = new AccessValue();
  carried.set(value, value >>> 1);
  if (write) writeAny(device, offset, size, carried);
  else readAny(device, offset, size, carried);
}

/** What holds after every access. */
function checkInvariants(made: Subject): void {
  const { control, sink, binder, notifiers, driver } = made;
  expect(control.activations.length - control.resets).toBeLessThanOrEqual(1);
  expect(control.activations.length - control.resets).toBeGreaterThanOrEqual(0);
  expect([0, 1, 3, 11, 15, 7]).toContain(driver.status & 15);
  const running = [0, 1, 2].filter((queue) => notifiers.state(queue) === 'assigned');
  expect(binder.assigned.size).toBe(running.length);
  for (const queue of running) expect(control.state.queueRunning(queue)).toBe(true);
  const command = driver.config(4, 4);
  const msix = (driver.config(driver.msix! + 2, 2) & 0x8000) !== 0;
  const asked = (command & (1 << 19)) !== 0;
  expect(sink.pin).toBe(asked && (command & (1 << 10)) === 0 && !msix);
}

/** What the device was given is what the specification allows. */
function checkActivations({ control, driver }: Subject): void {
  const { offered } = driver;
  for (const { features, queues } of control.activations) {
    const legacy = (features & Feature.version1) === 0n;
    expect(features & ~(legacy ? offered | Feature.anyLayout : offered)).toBe(0n);
    const indexes = queues.map(({ setup }) => setup.index);
    expect(new Set(indexes).size).toBe(indexes.length);
    for (const { setup } of queues) {
      expect(setup.size).toBeGreaterThan(0);
      expect(setup.size).toBeLessThanOrEqual([256, 16, 1024][setup.index]!);
      if ((features & Feature.ringPacked) === 0n) expect(Math.log2(setup.size) % 1).toBe(0);
    }
  }
}

test('whatever is accessed, nothing throws, and status, queues, kicks, interrupts and ioeventfds agree', () => {
  const holds = fc.property(sequences, fc.boolean(), (sequence, slow) => {
    const made = subject(slow);
    made.control.kick = (queue) => expect(made.control.state.queueRunning(queue)).toBe(true);
    made.sink.signal = (vector) => {
      const { table } = made.driver.msixPlaces;
      expect(made.driver.read(table.bar, table.offset + 16 * vector + 12, 4)).toBe(0);
      expect(made.driver.config(made.driver.msix! + 2, 2) & 0xc000).toBe(0x8000);
    };
    for (const step of sequence) {
      carryOut(made, step);
      checkInvariants(made);
    }
    checkActivations(made);
    made.control.finish();
    made.driver.status = 0;
    made.control.finish();
    expect(made.driver.status).toBe(0);
    expect(made.binder.assigned.size).toBe(0);
    made.notifiers.close();
  });
  fc.assert(holds, { numRuns: 400 });
});

test('no message is lost, whatever the driver masks and unmasks', () => {
  const masks = fc.array(
    fc.record({
      vector: fc.nat(VECTORS - 1),
      what: fc.constantFrom('raise', 'mask', 'unmask', 'function', 'on', 'off'),
    }),
    { maxLength: 60 },
  );
  const holds = fc.property(masks, (sequence) => {
    const { driver, control, sink, notifiers } = subject(false);
    driver.enableMsix();
    for (let vector = 0; vector < VECTORS; vector++) driver.setVector(vector);
    driver.start();
    for (let queue = 0; queue < QUEUES; queue++) {
      driver.set16(CommonCfg.queueSelect, queue);
      driver.set16(CommonCfg.queueMsixVector, queue + 1);
    }
    const owed = new Set<number>();
    const settle = () => {
      for (const vector of sink.take()) owed.delete(vector);
    };
    let enabled = true;
    for (const { vector, what } of sequence) {
      if (what === 'raise' && vector > 0 && enabled) {
        owed.add(vector);
        control.interrupts!.callQueue(vector - 1);
      } else if (what === 'mask' || what === 'unmask') driver.mask(vector, what === 'mask');
      else if (what !== 'raise') {
        enabled = what !== 'off';
        driver.enableMsix({ functionMask: what === 'function', enable: enabled });
      }
      settle();
      expect(driver.pending).toBe([...owed].reduce((bits, one) => bits | (1 << one), 0));
    }
    driver.enableMsix();
    for (let vector = 0; vector < VECTORS; vector++) driver.mask(vector, false);
    settle();
    expect(owed.size).toBe(0);
    notifiers.close();
  });
  fc.assert(holds, { numRuns: 300 });
});
