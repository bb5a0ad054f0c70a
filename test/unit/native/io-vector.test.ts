import { IoVector, MAX_TRANSFER_SEGMENTS, Mapping, native, PAGE_SIZE, pipe, socketpair } from 'ioregion/native';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collectUntil } from '../../support/garbage.js';
import { mappingCount } from '../../support/open-fds.js';

const EAGAIN = -11;
const EBADF = -9;
const EFAULT = -14;
const EINVAL = -22;

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

describe('IoVector', () => {
  let mapping: Mapping;
  let vector: IoVector;
  let memory: number;

  beforeEach(() => {
    mapping = Mapping.anonymous(PAGE_SIZE);
    vector = new IoVector();
    memory = vector.attach(mapping);
  });
  afterEach(() => mapping.unmap());

  it('gathers segments of several mappings in order, and scatters what is read', () => {
    using other = Mapping.anonymous(PAGE_SIZE);
    const [left, right] = socketpair('stream');
    mapping.bytes.set(Buffer.from('virtual hardware'));
    other.bytes.set(Buffer.from(' in '), 100);
    vector.append(memory, 0, 7);
    vector.append(vector.attach(other), 100, 4);
    vector.append(memory, 8, 8);
    expect(vector.writeTo(left.number)).toBe(19);
    vector.clear();
    vector.append(memory, 1000, 4);
    vector.append(memory, 2000, 100);
    expect(vector.readFrom(right.number)).toBe(19);
    expect(text(mapping.bytes.subarray(1000, 1004))).toBe('virt');
    expect(text(mapping.bytes.subarray(2000, 2015))).toBe('ual in hardware');
    left.close();
    right.close();
  });

  it('takes segments off its front and its end', () => {
    const { readEnd, writeEnd } = pipe();
    mapping.bytes.set(Buffer.from('abcd'));
    for (let i = 0; i < 4; i++) vector.append(memory, i, 1);
    vector.dropFirst(1);
    vector.dropLast(1);
    expect(vector.count).toBe(2);
    expect(vector.writeTo(writeEnd.number)).toBe(2);
    const bytes = new Uint8Array(8);
    expect(readEnd.read(bytes)).toBe(2);
    expect(text(bytes.subarray(0, 2))).toBe('bc');
    vector.dropFirst(100);
    expect(vector.count).toBe(0);
    readEnd.close();
    writeEnd.close();
  });

  it('holds as many segments as one system call takes, wherever its front is', () => {
    for (let i = 0; i < MAX_TRANSFER_SEGMENTS; i++) expect(vector.append(memory, i, 1)).toBe(true);
    expect(vector.append(memory, 0, 1)).toBe(false);
    for (let i = 0; i < 3 * MAX_TRANSFER_SEGMENTS; i++) {
      vector.dropFirst(1);
      expect(vector.append(memory, i % PAGE_SIZE, 1)).toBe(true);
    }
    expect(vector.count).toBe(MAX_TRANSFER_SEGMENTS);
    const { readEnd, writeEnd } = pipe();
    expect(vector.writeTo(writeEnd.number)).toBe(MAX_TRANSFER_SEGMENTS);
    readEnd.close();
    writeEnd.close();
  });

  it('answers with errnos, not exceptions', () => {
    const { readEnd, writeEnd } = pipe();
    readEnd.setNonblock(true);
    vector.append(memory, 0, 10);
    expect(vector.readFrom(readEnd.number)).toBe(EAGAIN);
    expect(vector.readFrom(2 ** 30)).toBe(EBADF);
    readEnd.close();
    writeEnd.close();
  });

  it.each([
    ['that runs past its mapping', 0, PAGE_SIZE - 1, 2],
    ['that begins past its mapping', 0, PAGE_SIZE + 1, 0],
    ['whose end does not fit 32 bits', 0, 2 ** 32 - 1, 2 ** 32 - 1],
    ['of a mapping that nobody attached', 1, 0, 1],
    ['of a mapping with a wild number', 2 ** 32 - 1, 0, 1],
  ])('refuses a segment %s', (_what, number, offset, length) => {
    const { readEnd, writeEnd } = pipe();
    vector.append(number, offset, length);
    expect(vector.writeTo(writeEnd.number)).toBe(EFAULT);
    expect(vector.readFrom(readEnd.number)).toBe(EFAULT);
    readEnd.close();
    writeEnd.close();
  });

  it('refuses segments of memory that was unmapped or detached', () => {
    const { readEnd, writeEnd } = pipe();
    const other = Mapping.anonymous(PAGE_SIZE);
    vector.append(vector.attach(other), 0, 1);
    other.unmap();
    expect(vector.writeTo(writeEnd.number)).toBe(EFAULT);
    vector.detachAll();
    expect(vector.count).toBe(0);
    vector.append(memory, 0, 1);
    expect(vector.writeTo(writeEnd.number)).toBe(EFAULT);
    expect(vector.attach(mapping)).toBe(0);
    readEnd.close();
    writeEnd.close();
  });

  it('survives any list and any arguments in the native functions', () => {
    const { readEnd, writeEnd } = pipe();
    const object = native.ioVectorCreate(8);
    native.ioVectorAttach(object, mapping.object);
    const words = new Uint32Array(native.ioVectorArea(object));
    const write = native.ioVectorWriteFunction(object);
    const counts = [0, 1, 8, 9, 1024, 1025, 2 ** 31, 2 ** 32 - 1, -1];
    for (const first of counts)
      for (const count of counts) {
        words.fill(2 ** 32 - 1);
        const fits = first >= 0 && count >= 0 && count <= 1024 && first + count <= 8;
        const expected = fits ? (count === 0 ? 0 : EFAULT) : EINVAL;
        expect(write(writeEnd.number, first, count), `${first}, ${count}`).toBe(expected);
      }
    expect(() => write('1' as unknown as number, 0, 0)).toThrow(TypeError);
    expect(() => (write as () => number)()).toThrow(TypeError);
    readEnd.close();
    writeEnd.close();
  });

  it('lets go of its mappings when nothing refers to it any more', async () => {
    const before = mappingCount('io-vector-test');
    attachAndForget();
    expect(mappingCount('io-vector-test')).toBe(before + 1);
    await collectUntil(() => mappingCount('io-vector-test') === before);
  });
});

/** The mapping and the vector that has it are garbage afterwards; the functions and the area outlive the vector. */
function attachAndForget(): void {
  const file = native.memfd('io-vector-test', PAGE_SIZE, true);
  const object = native.ioVectorCreate(1);
  native.ioVectorAttach(object, native.mmap(file, PAGE_SIZE, 0, 3, true));
  native.close(file);
  native.ioVectorReadFunction(object);
  native.ioVectorArea(object);
}
