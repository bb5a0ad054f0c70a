/** The area of a FileIo with anything in it: requests are refused or done, and no other memory changes. */
import fc from 'fast-check';
import { Mapping, Memfd, native, PAGE_SIZE } from 'ioregion/native';
import { afterAll, expect, it } from 'vitest';
import { FILE_IO_ENGINES } from '../../support/io-uring.js';
import { describeWhere } from '../../support/require.js';

const SLOTS = 4;
const SEGMENTS = 4;
const REQUEST_WORDS = 8;
const REQUEST_DOUBLES = 4;
const SEGMENTS_AT = SLOTS * (REQUEST_WORDS + 2);
const RUNS = 3000;
const BYSTANDER = 0x5a;

interface Request {
  op: number;
  flags: number;
  position: number;
  length: number;
  segmentCount: number;
}

const word = fc.oneof(
  { weight: 4, arbitrary: fc.nat({ max: 5 }) },
  { weight: 2, arbitrary: fc.nat({ max: 2 * PAGE_SIZE }) },
  { weight: 1, arbitrary: fc.nat({ max: 0xffff_ffff }) },
);
const amount = fc.oneof(fc.nat({ max: 3 * PAGE_SIZE }), fc.maxSafeNat(), fc.double());
const request = fc.record<Request>({ op: word, flags: word, position: amount, length: amount, segmentCount: word });
const inputs = fc.record({
  requests: fc.array(request, { minLength: SLOTS, maxLength: SLOTS }),
  segments: fc.array(fc.tuple(word, word, word), { minLength: SLOTS * SEGMENTS, maxLength: SLOTS * SEGMENTS }),
  submitted: fc.array(word, { maxLength: SLOTS }),
});

function fillRequests(area: ArrayBuffer, requests: readonly Request[]): void {
  const words = new Uint32Array(area);
  const doubles = new Float64Array(area);
  requests.forEach(({ op, flags, position, length, segmentCount }, slot) => {
    words[slot * REQUEST_WORDS] = op;
    words[slot * REQUEST_WORDS + 1] = flags;
    doubles[slot * REQUEST_DOUBLES + 1] = position;
    doubles[slot * REQUEST_DOUBLES + 2] = length;
    words[slot * REQUEST_WORDS + 6] = segmentCount;
  });
}

function submitAll(submit: (count: number) => number, count: number): number {
  try {
    return submit(count);
  } catch (error) {
    expect(error).toBeInstanceOf(RangeError);
    return 0;
  }
}

for (const { engine, needs } of FILE_IO_ENGINES) {
  describeWhere(needs, `requests by ${engine}`, () => staysInside(engine === 'uring'));
}

function staysInside(ring: boolean): void {
  const file = Memfd.create({ name: 'fuzz', size: 4 * PAGE_SIZE });
  const attached = Mapping.anonymous(2 * PAGE_SIZE);
  const bystander = Mapping.anonymous(PAGE_SIZE);
  const io = native.fileIoOpen(file.number, SLOTS, SEGMENTS, ring);
  afterAll(() => {
    native.fileIoClose(io);
    for (const resource of [file, attached, bystander]) resource[Symbol.dispose]();
  });

  it('stay inside the mappings that are attached', () => {
    const area = native.fileIoArea(io);
    const submit = native.fileIoSubmitFunction(io);
    bystander.bytes.fill(BYSTANDER);
    for (const mapping of [attached, bystander]) native.fileIoAttach(io, mapping.object);
    native.fileIoDetach(io, 1);
    const attempt = fc.property(inputs, ({ requests, segments, submitted }) => {
      fillRequests(area, requests);
      new Uint32Array(area).set([...submitted, 0, 0, 0, 0].slice(0, SLOTS), SLOTS * REQUEST_WORDS);
      new Uint32Array(area).set(segments.flat(), SEGMENTS_AT);
      expect(submitAll(submit, submitted.length)).toBeLessThanOrEqual(SLOTS);
    });
    fc.assert(attempt, { numRuns: RUNS });
    expect(bystander.bytes.every((byte) => byte === BYSTANDER)).toBe(true);
  });
}
