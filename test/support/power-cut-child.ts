/**
 * Writes to a disk until it is killed. Round n fills some blocks with n, flushes, and reports n on standard output, which
 * is written without a buffer: what has been reported was acknowledged before.
 */
import { writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { BlockDevice, BlockRequestType, BlockStatus, Feature, SECTOR_BYTES } from 'ioregion/virtio';
import { DirectDriver } from './direct-driver.js';

export const POWER_CUT_BLOCKS = 128;
export const POWER_CUT_BLOCK_BYTES = 4096;
const WRITES_PER_ROUND = 24;

/** The blocks that a round writes: some of them, not the same each time. */
export function blocksOfRound(round: number): number[] {
  return Array.from(
    { length: WRITES_PER_ROUND },
    (_, i) => (round * 37 + i * (2 * (round % 50) + 1)) % POWER_CUT_BLOCKS,
  );
}

function request(type: number, sector: number): Uint8Array {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(0, type, true);
  new DataView(bytes.buffer).setUint32(8, sector, true);
  return bytes;
}

async function writeBlock(driver: DirectDriver, block: number, round: number): Promise<void> {
  const sector = (block * POWER_CUT_BLOCK_BYTES) / SECTOR_BYTES;
  const bytes = new Uint8Array(POWER_CUT_BLOCK_BYTES);
  new Uint32Array(bytes.buffer).fill(round);
  const { data } = await driver.send([{ bytes: request(BlockRequestType.out, sector) }, { bytes }, { room: 1 }]);
  if (data[0] !== BlockStatus.ok) throw new Error(`write of round ${round}: status ${data[0]}`);
}

async function flush(driver: DirectDriver, round: number): Promise<void> {
  const { data } = await driver.send([{ bytes: request(BlockRequestType.flush, 0) }, { room: 1 }]);
  if (data[0] !== BlockStatus.ok) throw new Error(`flush of round ${round}: status ${data[0]}`);
}

async function writeForEver(path: string, engine: 'uring' | 'sync', packed: boolean): Promise<void> {
  const device = BlockDevice.open({ path, engine });
  const driver = new DirectDriver(device, { features: device.features | (packed ? Feature.ringPacked : 0n) });
  for (let round = 1; ; round++) {
    await Promise.all(blocksOfRound(round).map((block) => writeBlock(driver, block, round)));
    await flush(driver, round);
    writeSync(1, Uint8Array.of(round & 0xff, round >> 8));
  }
}

const [, script, path, engine, format] = process.argv;
if (script !== undefined && import.meta.url === pathToFileURL(script).href)
  await writeForEver(path!, engine === 'uring' ? 'uring' : 'sync', format === 'packed');
