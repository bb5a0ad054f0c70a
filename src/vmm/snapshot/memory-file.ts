/** Guest memory to and from a file, without what was never written: pages of zeros become holes. */
import { ftruncate, read, write } from 'node:fs';
import { promisify } from 'node:util';
import type { GuestMemory } from '../../memory/index.js';

const readAt = promisify(read);
const writeAt = promisify(write);
const truncate = promisify(ftruncate);

const CHUNK = 2 ** 20;
const PAGE = 4096;
const ZEROS = Buffer.alloc(CHUNK);

/** All regions of a machine's memory lie one after the other in one memfd. Bytes written. */
export async function saveMemory(memory: GuestMemory, file: number): Promise<number> {
  const { number, bytes } = memoryFile(memory);
  await truncate(file, bytes);
  return await copySparse(number, file, bytes);
}

/** Into memory that is all zeros. @throws what reading throws; RangeError where the file ends before the memory does */
export async function loadMemory(memory: GuestMemory, file: number): Promise<void> {
  const { number, bytes } = memoryFile(memory);
  await copySparse(file, number, bytes);
}

function memoryFile(memory: GuestMemory): { readonly number: number; readonly bytes: number } {
  const { fds, regions } = memory.share();
  return { number: fds[0]!, bytes: regions.reduce((total, { size }) => total + size, 0) };
}

/** By reads and writes: a hole of a memfd that is read by its mapping would become memory. */
async function copySparse(from: number, to: number, bytes: number): Promise<number> {
  const chunk = Buffer.alloc(CHUNK);
  let written = 0;
  for (let at = 0; at < bytes; at += CHUNK) {
    const length = Math.min(CHUNK, bytes - at);
    await readWhole(from, chunk, length, at);
    for (const { start, end } of writtenRuns(chunk.subarray(0, length))) {
      written += await writeWhole(to, chunk.subarray(start, end), at + start);
    }
  }
  return written;
}

interface Run {
  readonly start: number;
  readonly end: number;
}

/** Pages in a row that are not all zeros. */
function writtenRuns(chunk: Buffer): Run[] {
  if (chunk.equals(ZEROS.subarray(0, chunk.length))) return [];
  const runs: { start: number; end: number }[] = [];
  for (let start = 0; start < chunk.length; start += PAGE) {
    const end = Math.min(start + PAGE, chunk.length);
    if (chunk.compare(ZEROS, 0, end - start, start, end) === 0) continue;
    const last = runs.at(-1);
    if (last?.end === start) last.end = end;
    else runs.push({ start, end });
  }
  return runs;
}

async function readWhole(file: number, into: Buffer, length: number, at: number): Promise<void> {
  for (let done = 0; done < length; ) {
    const { bytesRead } = await readAt(file, into, done, length - done, at + done);
    if (bytesRead === 0) throw new RangeError(`the memory ends after ${at + done} bytes`);
    done += bytesRead;
  }
}

async function writeWhole(file: number, bytes: Buffer, at: number): Promise<number> {
  for (let done = 0; done < bytes.length; ) {
    done += (await writeAt(file, bytes, done, bytes.length - done, at + done)).bytesWritten;
  }
  return bytes.length;
}
