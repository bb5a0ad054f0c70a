/** An image whose disk fails: the driver gets I/O errors, the log says why once, and reads go on. */

import { BlockStatus } from 'ioregion/virtio';
import { expect, it } from 'vitest';
import { BlockConfig } from '#dist/src/virtio/devices/blk/config.js';
import { Disk } from '#dist/src/virtio/devices/blk/disk.js';
import { FlushOperation } from '#dist/src/virtio/devices/blk/flush.js';
import { Image } from '#dist/src/virtio/devices/blk/image.js';
import { PENDING } from '#dist/src/virtio/devices/blk/operation.js';
import type { QueueIo } from '#dist/src/virtio/devices/blk/queue-io.js';
import { RequestSlot } from '#dist/src/virtio/devices/blk/slot.js';
import { makeImage, patternOf } from '../../../../support/block-driver.js';
import { compileFailing } from '../../../../support/failing-syscalls.js';
import { layer, runScript } from '../../../../support/script.js';
import { temporaryDirectory } from '../../../../support/temporary.js';

const { ok, ioError } = BlockStatus;
const directory = temporaryDirectory();
const support = JSON.stringify(new URL('../../../../../dist/test/support/direct-driver.js', import.meta.url).href);

/** Writes, flushes twice and reads, with an image whose system calls fail as given: the statuses and the log. */
function useBroken(failing: Parameters<typeof compileFailing>[1], cache = 'writeback') {
  const source = `
    import { BlockDevice } from ${layer('virtio')};
    import { DirectDriver } from ${support};
    const path = ${JSON.stringify(makeImage(patternOf(8)))};
    const driver = new DirectDriver(BlockDevice.open({ path, engine: 'sync', cache: '${cache}' }));
    const request = (type) => Uint8Array.of(type, ...new Uint8Array(15));
    const status = async (type, data) => (await driver.send([{ bytes: request(type) }, ...data, { room: 1 }])).data.at(-1);
    const write = () => status(1, [{ bytes: new Uint8Array(512) }]);
    const statuses = [await write(), await write(), await status(4, []), await status(4, []), await status(0, [{ room: 512 }])];
    await driver.close();
    console.log(JSON.stringify({ statuses, log: driver.log }));`;
  const { stdout, stderr } = runScript(source, '', compileFailing(directory, failing));
  expect(stderr).toBe('');
  return JSON.parse(stdout) as { statuses: number[]; log: string[] };
}

it('serves everything where nothing fails', () => {
  expect(useBroken([])).toEqual({ statuses: [ok, ok, ok, ok, ok], log: [] });
});

it('answers a write that fails with an I/O error', () => {
  const { statuses, log } = useBroken([{ name: 'pwrite64', error: 'ENOSPC' }]);
  expect(statuses).toEqual([ioError, ioError, ok, ok, ok]);
  expect(log).toEqual([expect.stringMatching(/writing failed \(ENOSPC\)/)]);
});

it('answers a durable write that fails with an I/O error', () => {
  expect(useBroken([{ name: 'pwritev2', error: 'EIO' }], 'writethrough').statuses).toEqual([
    ioError,
    ioError,
    ok,
    ok,
    ok,
  ]);
});

it('answers a flush that fails with an I/O error', () => {
  const { statuses, log } = useBroken([{ name: 'fdatasync', error: 'EIO' }]);
  expect(statuses).toEqual([ok, ok, ioError, ioError, ok]);
  expect(log).toEqual([expect.stringMatching(/flushing failed \(EIO\)/)]);
});

it('promises nothing any more once a flush has failed: the kernel tells of a lost page only once', () => {
  using image = Image.open({ path: makeImage(patternOf(8)), readonly: false, lock: true, blockSize: undefined });
  const limits = { maxRanges: 1, maxDiscardSectors: 1, maxWriteZeroesSectors: 1 };
  const config = new BlockConfig({
    ...limits,
    limits: image.limits,
    readonly: false,
    segMax: 1,
    sizeMax: 1,
    queues: 1,
  });
  const disk = new Disk({ ...limits, image, config, readonly: false, id: new Uint8Array(20) });
  let syncs = 0;
  const io = { file: { sync: () => syncs++ } };
  const flush = new FlushOperation(disk, io as unknown as QueueIo);
  const slot = new RequestSlot(0);
  expect(flush.begin(slot)).toBe(PENDING);
  expect(flush.advance(slot, 0)).toBe(ok);
  expect(flush.begin(slot)).toBe(PENDING);
  expect(flush.advance(slot, -5)).toBe(ioError);
  expect(flush.begin(slot)).toBe(ioError);
  expect(syncs).toBe(2);
});
