/** A process killed in the middle of writing loses nothing that was flushed and acknowledged. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { blocksOfRound, POWER_CUT_BLOCK_BYTES, POWER_CUT_BLOCKS } from '#dist/test/support/power-cut-child.js';
import { makeImage } from '../../../../support/block-driver.js';
import { FILE_IO_ENGINES } from '../../../../support/io-uring.js';
import { describeWhere } from '../../../../support/require.js';

const CUTS = 10;
const FORMATS = ['split', 'packed'];
const script = fileURLToPath(new URL('../../../../../dist/test/support/power-cut-child.js', import.meta.url));

/** Runs a writer until it has reported `rounds` rounds, and kills it: the rounds it had reported in the end. */
function writeAndCut(path: string, engine: string, format: string, rounds: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, path, engine, format], { stdio: ['ignore', 'pipe', 'inherit'] });
    let reported = 0;
    child.stdout.on('data', (bytes: Buffer) => {
      reported += bytes.length;
      if (reported >= 2 * rounds) child.kill('SIGKILL');
    });
    child.on('error', reject);
    child.on('close', (_, signal) => {
      if (signal === 'SIGKILL') resolve(Math.floor(reported / 2));
      else reject(new Error(`the writer ended by itself after ${reported / 2} rounds`));
    });
  });
}

/** The last of the reported rounds that wrote each block; 0: none. */
function lastRounds(rounds: number): number[] {
  const last = Array<number>(POWER_CUT_BLOCKS).fill(0);
  for (let round = 1; round <= rounds; round++) for (const block of blocksOfRound(round)) last[block] = round;
  return last;
}

/** The round under way when the power was cut may have reached a block or not. */
function expectNothingLost(path: string, rounds: number): void {
  const content = readFileSync(path);
  const words = new Uint32Array(content.buffer, content.byteOffset, content.length / 4);
  const perBlock = POWER_CUT_BLOCK_BYTES / 4;
  const under = new Set(blocksOfRound(rounds + 1));
  lastRounds(rounds).forEach((round, block) => {
    const found = new Set(words.subarray(block * perBlock, (block + 1) * perBlock));
    if (under.has(block)) found.delete(rounds + 1);
    else expect(found.size, `block ${block}`).toBe(1);
    for (const value of found) expect(value, `block ${block} after ${rounds} rounds`).toBe(round);
  });
}

for (const { engine, needs } of FILE_IO_ENGINES) {
  describeWhere(needs, `a disk by ${engine} whose process is killed`, () => {
    it.each(FORMATS)(`keeps all that was flushed, ${CUTS} times (%s ring)`, async (format) => {
      for (let cut = 1; cut <= CUTS; cut++) {
        const path = makeImage(new Uint8Array(POWER_CUT_BLOCKS * POWER_CUT_BLOCK_BYTES));
        const rounds = await writeAndCut(path, engine, format, cut);
        expect(rounds).toBeGreaterThanOrEqual(cut);
        expectNothingLost(path, rounds);
      }
    });
  });
}
