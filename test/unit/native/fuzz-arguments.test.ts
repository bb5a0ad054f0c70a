/** Arbitrary JavaScript values for every function of the addon: errors of known kinds, and a process that lives on. */
import { closeSync } from 'node:fs';
import fc from 'fast-check';
import { Mapping, native, PAGE_SIZE } from 'ioregion/native';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../support/temporary.js';

type Call = (...values: unknown[]) => unknown;

/** Numbers below this may be descriptors of this very process: closing or reading those is not what is tested. */
const FIRST_FREE_NUMBER = 4096;
const RUNS = 400;

/** Functions that wait for something that may never come. */
const BLOCKING = new Set(['barrier', 'resume', 'poll']);
/** Functions that give out descriptors, which are closed again. */
const OPENING = new Set(
  ['dup', 'eventfd', 'memfd', 'timerfd', 'pipe', 'socketpair', 'unixListen', 'unixConnect'].concat(
    'tapOpen',
    'ptyOpen',
  ),
);
/** Functions whose small integers are sizes and flags, never descriptors. */
const WITHOUT_FDS = new Set(['eventfd', 'memfd', 'setAffinity', 'madvise', 'msync']);

const functions = Object.keys(native).filter((name) => !BLOCKING.has(name));
const raw = native as unknown as Record<string, Call>;

function detached(): Uint8Array {
  const bytes = new Uint8Array(64);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

function unmapped(): Uint8Array {
  const mapping = Mapping.anonymous(PAGE_SIZE);
  const { bytes } = mapping;
  mapping.unmap();
  return bytes;
}

/** Objects of the addon, right for some functions and wrong for the others. */
function nativeObjects(): unknown[] {
  const unmappedObject = native.mmap(-1, PAGE_SIZE, 0, 3, false);
  native.munmap(unmappedObject);
  const released = native.dispatcherCreate();
  native.dispatcherRelease(released);
  return [
    native.mmap(-1, 4 * PAGE_SIZE, 0, 3, false),
    native.mmap(-1, PAGE_SIZE, 0, 1, false),
    unmappedObject,
    native.dispatcherCreate(),
    native.orderGroupCreate(),
    native.ioVectorCreate(4),
    released,
  ];
}

const interestingNumbers = fc.constantFrom(
  ...[-1, 0, 1, 2, 3, 8, 32, 64, 4095, PAGE_SIZE, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 2 ** 53],
  ...[1e300, -(2 ** 31), 0.5, Number.NaN, Number.POSITIVE_INFINITY, 0xae00, 0xae03, 0xc008ae05, 0x4040ae49, 0x4068aea3],
);

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 256 }),
  fc.constantFrom(8, 104, 4096, 70_000).map((length) => new Uint8Array(length)),
  fc.uint8Array({ minLength: 8, maxLength: 64 }).map((data) => data.subarray(1)),
  fc.constant(null).map(() => new Uint8Array(new SharedArrayBuffer(64))),
  fc.constant(null).map(detached),
  fc.constant(null).map(unmapped),
  fc.constant(null).map(() => Mapping.anonymous(PAGE_SIZE).bytes),
);

const hostileObjects = fc.constantFrom<() => unknown>(
  () => new Proxy([], {}),
  () => new Proxy(new Uint8Array(8), {}),
  () => Object.create(Uint8Array.prototype),
  () => Object.defineProperty([1, 2], 0, { get: () => -5 }),
  () => Object.assign([1, 2], { length: 2 ** 32 - 1 }),
  () => ({ valueOf: () => 1, toString: () => 'stream' }),
  () => new Int32Array([2 ** 30, 1, -1, -1]),
  () => new Float64Array(4),
  () => new DataView(new ArrayBuffer(64)),
  () => new ArrayBuffer(64),
  () => Symbol('s'),
  () => () => {},
  () => new Array(300).fill(2 ** 30),
);

function argument(objects: readonly unknown[]) {
  return fc.oneof(
    { weight: 4, arbitrary: interestingNumbers },
    { weight: 2, arbitrary: bytes },
    { weight: 2, arbitrary: fc.constantFrom(...objects) },
    { weight: 1, arbitrary: fc.boolean() },
    { weight: 1, arbitrary: hostileObjects.map((make) => make()) },
    { weight: 1, arbitrary: fc.array(fc.integer({ min: FIRST_FREE_NUMBER }), { maxLength: 8 }) },
    { weight: 1, arbitrary: fc.constantFrom('stream', 'seqpacket', 'relative-path', '', 'x'.repeat(200), '\0') },
    { weight: 1, arbitrary: fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }) },
    { weight: 1, arbitrary: fc.anything() },
  );
}

function awayFromOurFds(name: string, value: unknown): unknown {
  const isOurs = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < FIRST_FREE_NUMBER;
  return isOurs && !WITHOUT_FDS.has(name) ? value + FIRST_FREE_NUMBER : value;
}

/** TypeError and RangeError with a stable code, or a system error with the errno's name. */
function expectKnownError(name: string, error: unknown): void {
  expect(error, name).toBeInstanceOf(Error);
  const { code } = error as NodeJS.ErrnoException;
  expect(code, `${name}: ${error}`).toMatch(/^(ERR_INVALID_ARG_TYPE|ERR_OUT_OF_RANGE|E[A-Z0-9]+)$/);
  if (code === 'ERR_INVALID_ARG_TYPE') expect(error).toBeInstanceOf(TypeError);
  if (code === 'ERR_OUT_OF_RANGE') expect(error).toBeInstanceOf(RangeError);
}

function failureOf(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

function closeOpened(name: string, result: unknown): void {
  if (!OPENING.has(name)) return;
  const opened = typeof result === 'object' && result !== null && 'fd' in result ? result.fd : result;
  for (const number of [opened].flat()) closeSync(number as number);
}

function attempt(name: string, values: readonly unknown[]): void {
  let result: unknown;
  try {
    result = raw[name]!(...values.map((value) => awayFromOurFds(name, value)));
  } catch (error) {
    expectKnownError(name, error);
    return;
  }
  closeOpened(name, result);
}

describe('the addon', () => {
  const directory = temporaryDirectory();
  const home = process.cwd();
  const cpus = native.getAffinity();
  beforeAll(() => process.chdir(directory));
  afterAll(() => {
    process.chdir(home);
    native.setAffinity(cpus);
  });

  it('exports nothing but functions', () => {
    expect(functions.length).toBeGreaterThan(50);
    expect(Object.keys(native)).toEqual(expect.arrayContaining([...BLOCKING, ...OPENING, ...WITHOUT_FDS]));
    expect(Object.values(native).every((member) => typeof member === 'function')).toBe(true);
  });

  it.each(functions)('%s refuses what it cannot take with a coded error', (name) => {
    const values = fc.array(argument(nativeObjects()), { maxLength: 13 });
    fc.assert(
      fc.property(values, (list) => attempt(name, list)),
      { numRuns: RUNS },
    );
  });

  it.each([...BLOCKING])('%s refuses arguments of the wrong kind before it waits', (name) => {
    const wrong = fc.oneof(fc.string(), fc.object(), fc.constant(null), fc.double({ noInteger: true }), fc.boolean());
    fc.assert(
      fc.property(fc.array(wrong, { maxLength: 8 }), (list) => {
        expectKnownError(
          name,
          failureOf(() => raw[name]!(...list)),
        );
      }),
      { numRuns: RUNS },
    );
  });
});
