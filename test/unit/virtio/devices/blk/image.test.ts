/** Images: what can be a disk, and who may use it at the same time. */
import { execFileSync } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, openSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BlockStatus, SECTOR_BYTES } from 'ioregion/virtio';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import createBlockDevice, { BlockDevice, checkBlockImage } from '#dist/src/virtio/devices/blk/index.js';
import { BlockDriver, firstDifference, makeImage, patternOf } from '../../../../support/block-driver.js';
import { expectOpenFds, openFds } from '../../../../support/open-fds.js';
import { describeWhere, type Requirement } from '../../../../support/require.js';
import { layer, runScript } from '../../../../support/script.js';

const SECTORS = 64;
const image = () => makeImage(patternOf(SECTORS));
const outcomeOf = (action: () => void) => {
  try {
    action();
    return 'opened';
  } catch (error) {
    return (error as { code: string }).code;
  }
};
/** Whoever only asks hears the same, and has let go of the image by then. */
const codeOf = (options: { path: string; readonly?: boolean }) => {
  const told = outcomeOf(() => checkBlockImage(options));
  const code = outcomeOf(() => void BlockDevice.open(options).close());
  expect(told).toBe(code);
  return code;
};

describe('an image', () => {
  it('belongs to one writer, of this process or another', async () => {
    const path = image();
    const device = createBlockDevice({ path });
    expect([codeOf({ path }), codeOf({ path, readonly: true })]).toEqual(Array(2).fill('ERR_IOREGION_FILE_IN_USE'));
    const source = `
      import { BlockDevice } from ${layer('virtio')};
      try { BlockDevice.open({ path: ${JSON.stringify(path)} }); } catch (error) { console.log(error.message); }`;
    expect(runScript(source).stdout).toContain(`${path} is in use by another disk`);
    await device.close();
    expect(codeOf({ path })).toBe('opened');
  });

  it('is shared by readers', async () => {
    const path = image();
    const readers = [1, 2].map(() => BlockDevice.open({ path, readonly: true }));
    expect(codeOf({ path })).toBe('ERR_IOREGION_FILE_IN_USE');
    for (const reader of readers) await reader.close();
  });

  it('stays locked until the last queue has let go', async () => {
    const path = image();
    const driver = new BlockDriver(BlockDevice.open({ path }));
    await driver.reset();
    expect(codeOf({ path })).toBe('ERR_IOREGION_FILE_IN_USE');
    await driver.close();
    expect(codeOf({ path })).toBe('opened');
  });

  it('that a migrating guest brings is locked when its first queue starts, and not where it goes on elsewhere', async () => {
    const path = image();
    const source = new BlockDriver(BlockDevice.open({ path, queues: 2 }));
    const target = BlockDevice.open({ path, queues: 2, incoming: true });
    expect(codeOf({ path })).toBe('ERR_IOREGION_FILE_IN_USE');
    await source.stop();
    source.device.relinquish();

    const driver = new BlockDriver(target);
    expect(codeOf({ path })).toBe('ERR_IOREGION_FILE_IN_USE');
    expect((await driver.write(1, patternOf(2, 7))).status).toBe(BlockStatus.ok);
    await source.reset();
    expect(() => source.start()).toThrow(`${path} is in use by another disk`);
    await driver.stop();
    target.relinquish();
    await source.reset();
    source.start();
    expect(firstDifference((await source.read(1, 2 * SECTOR_BYTES)).data, patternOf(2, 7))).toBe(-1);
    expect(codeOf({ path })).toBe('ERR_IOREGION_FILE_IN_USE');
    await Promise.all([driver, source].map((one) => one.close()));
    expect(codeOf({ path })).toBe('opened');
  });

  it('may have grown until a guest that migrates runs here: it is told', async () => {
    const path = image();
    const device = BlockDevice.open({ path, incoming: true });
    truncateSync(path, 2 * SECTORS * SECTOR_BYTES);
    const driver = new BlockDriver(device);
    expect([device.config.capacity, driver.configChanges]).toEqual([2 * SECTORS, 1]);
    await driver.close();
  });

  it.each([
    ['is missing', (path: string) => path, 'does not exist'],
    ['is a directory', (path: string) => dirname(path.replace(/missing$/, 'x')), 'neither a regular file nor a block'],
    ['is a character device', () => '/dev/null', 'neither a regular file nor a block device'],
  ])('that %s is refused', (_, pathOf, reason) => {
    const path = pathOf(join(dirname(image()), 'missing'));
    expect(() => BlockDevice.open({ path })).toThrow(
      expect.objectContaining({ code: 'ERR_IOREGION_BLOCK_IMAGE', message: expect.stringContaining(reason) }),
    );
  });

  it('that is refused leaves no descriptor open', async () => {
    const path = image();
    const locked = BlockDevice.open({ path });
    const before = openFds();
    for (let round = 0; round < 10; round++) codeOf({ path });
    await expectOpenFds(before);
    await locked.close();
  });

  it('leaves nothing open after the device has run and closed', async () => {
    await vi.waitFor(() => expect(openFds().filter((fd) => fd.includes('io_uring'))).toEqual([]));
    const before = openFds();
    for (const engine of ['sync', 'auto'] as const) {
      const driver = new BlockDriver(BlockDevice.open({ path: image(), engine, queues: 4 }));
      await driver.read(0, SECTOR_BYTES, 3);
      await driver.close();
    }
    await expectOpenFds(before);
  });
});

/** A loop device: a real block device over a file. Needs root. */
const loopDevice: Requirement = () => {
  try {
    execFileSync('losetup', ['--find'], { stdio: 'pipe', timeout: 10_000 });
    return process.getuid?.() === 0 ? undefined : 'not root';
  } catch {
    return 'no loop devices';
  }
};

describeWhere([loopDevice], 'a block device', () => {
  let path = '';
  let loop = '';
  beforeAll(() => {
    path = execFileSync('mktemp', ['/tmp/ioregion-loop-XXXXXX'], { encoding: 'utf8' }).trim();
    execFileSync('truncate', ['-s', '1M', path]);
    const args = ['--find', '--show', '--sector-size', '4096', path];
    loop = execFileSync('losetup', args, { encoding: 'utf8', timeout: 10_000 }).trim();
  });
  afterAll(() => {
    execFileSync('losetup', ['--detach', loop]);
    execFileSync('rm', [path]);
  });

  it('has its size and block sizes as the kernel says', async () => {
    const driver = BlockDriver.open({ path: loop });
    const view = new DataView(driver.device.config.bytes.buffer);
    expect(view.getBigUint64(0, true)).toBe(2048n);
    expect(view.getUint32(20, true)).toBe(4096);
  });

  it('reads, writes, flushes, and erases', async () => {
    const driver = BlockDriver.open({ path: loop });
    expect((await driver.write(8, patternOf(16, 3))).status).toBe(BlockStatus.ok);
    expect((await driver.flush()).status).toBe(BlockStatus.ok);
    expect((await driver.writeZeroes([{ sector: 8, sectors: 8, flags: 1 }])).status).toBe(BlockStatus.ok);
    expect((await driver.discard([{ sector: 64, sectors: 64 }])).status).toBe(BlockStatus.ok);
    const { data } = await driver.read(8, 16 * SECTOR_BYTES);
    expect(firstDifference(data, Uint8Array.of(...new Uint8Array(4096), ...patternOf(8, 11)))).toBe(-1);
  });

  it('is opened exclusively, so that what is in use elsewhere is refused', () => {
    const other = openSync(loop, 'r+');
    const driver = BlockDriver.open({ path: loop });
    expect(codeOf({ path: loop })).toBe('ERR_IOREGION_BLOCK_IMAGE');
    expect(driver.device.queueSizes).toHaveLength(1);
    closeSync(other);
  });
});

describeWhere([() => (process.getuid?.() === 0 ? undefined : 'not root')], 'an image of somebody else', () => {
  it('says what to check', () => {
    const home = join(dirname(image()), 'closed');
    mkdirSync(home);
    chmodSync(home, 0o700);
    const source = `
      import { BlockDevice } from ${layer('virtio')};
      process.setuid(65534);
      try { BlockDevice.open({ path: ${JSON.stringify(join(home, 'disk.img'))} }); } catch (error) { console.log(error.message); }`;
    expect(runScript(source).stdout).toContain('cannot be opened (EACCES): check its mode');
  });
});
