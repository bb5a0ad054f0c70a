/** Block sizes of an image, as the driver should know them. */
import { readFileSync } from 'node:fs';
import type { BlockLimits } from './config.js';
import { SECTOR_BYTES } from './request.js';

/** Pages of the host: writing less than one makes it read first. */
export const FILE_LIMITS: BlockLimits = {
  logicalBlock: SECTOR_BYTES,
  physicalBlock: 4096,
  minimumIo: 4096,
  optimalIo: 0,
};

/** The same with another logical block; the others are at least as large. */
export function withBlockSize(limits: BlockLimits, logicalBlock: number): BlockLimits {
  const physicalBlock = Math.max(limits.physicalBlock, logicalBlock);
  return { ...limits, logicalBlock, physicalBlock, minimumIo: Math.max(limits.minimumIo, logicalBlock) };
}

/** What the kernel says of the disk with device number `rdev`; what it does not say is as for a file. */
export function limitsOfBlockDevice(rdev: number): BlockLimits {
  const logicalBlock = queueAttribute(rdev, 'logical_block_size') ?? FILE_LIMITS.logicalBlock;
  const physicalBlock = queueAttribute(rdev, 'physical_block_size') ?? FILE_LIMITS.physicalBlock;
  return {
    logicalBlock,
    physicalBlock,
    minimumIo: queueAttribute(rdev, 'minimum_io_size') ?? FILE_LIMITS.minimumIo,
    optimalIo: queueAttribute(rdev, 'optimal_io_size') ?? FILE_LIMITS.optimalIo,
  };
}

/** A partition has its disk's attributes, one directory up. */
function queueAttribute(rdev: number, name: string): number | undefined {
  const device = `/sys/dev/block/${majorOf(rdev)}:${minorOf(rdev)}`;
  return readNumber(`${device}/queue/${name}`) ?? readNumber(`${device}/../queue/${name}`);
}

function readNumber(path: string): number | undefined {
  try {
    const value = Number(readFileSync(path, 'utf8'));
    return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The kernel's encoding of device numbers: 12 bits of major between 8 and 12 bits of minor. */
function majorOf(rdev: number): number {
  return (rdev >>> 8) & 0xfff;
}

function minorOf(rdev: number): number {
  return (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
}
