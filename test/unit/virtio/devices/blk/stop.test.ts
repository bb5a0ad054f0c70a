/** Hostile 34: a queue is stopped or reset with I/O in flight. */
import { BlockRequestType, BlockStatus, SECTOR_BYTES } from 'ioregion/virtio';
import { describe, expect, it } from 'vitest';
import { BlockDriver, header, makeImage, patternOf } from '../../../../support/block-driver.js';
import { FILE_IO_ENGINES, ioUring } from '../../../../support/io-uring.js';
import { describeWhere } from '../../../../support/require.js';

const SECTORS = 4096;
const REQUESTS = 64;
const BYTES = 64 * SECTOR_BYTES;
/** Behind the ring. */
const FIRST_BUFFER = 0x10000;
const ATTEMPTS = 200;

/**
 * In /dev/shm every request goes to a kernel thread, so that a kick returns with most of them in flight; where all were
 * quicker than the kick, it is tried again.
 */
async function openBusy() {
  const driver = BlockDriver.open({ path: makeImage(patternOf(SECTORS), '/dev/shm'), engine: 'uring' });
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const answers = Array.from({ length: REQUESTS }, (_, i) =>
      driver.add([{ bytes: header(BlockRequestType.in, i * 64) }, { room: BYTES + 1 }]),
    );
    driver.kick();
    if (driver.inFlight() > 0) return { driver, answers };
    await Promise.all(answers);
  }
  throw new Error('every request had completed when its kick returned');
}

describeWhere([ioUring], 'a queue with requests in flight', () => {
  it('keeps guest memory mapped until it has stopped', async () => {
    const { driver } = await openBusy();
    const { mapping } = driver.memory.regions[0]!;
    expect(() => mapping.unmap()).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_MAPPING_BUSY' }));
    await driver.stop();
    mapping.unmap();
  });

  it('stops when all of them have completed', async () => {
    const { driver, answers } = await openBusy();
    await driver.stop();
    const data = (await Promise.all(answers)).map((answer) => answer.data);
    data.forEach((bytes, i) => {
      expect(bytes.at(-1)).toBe(BlockStatus.ok);
      expect(bytes.slice(0, SECTOR_BYTES)).toEqual(patternOf(1, i * 64));
    });
  });

  it('writes nothing into memory once it has stopped', async () => {
    const { driver } = await openBusy();
    await driver.stop();
    driver.memory.fill(FIRST_BUFFER, REQUESTS * BYTES, 0xc3);
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(driver.memory.read(FIRST_BUFFER, REQUESTS * BYTES).every((byte) => byte === 0xc3)).toBe(true);
  });

  it('may be stopped again while it stops, and kicked', async () => {
    const { driver } = await openBusy();
    const { device } = driver;
    const stops = [device.stopQueue(0), device.stopQueue(0)];
    device.kick(0);
    await Promise.all(stops);
    device.kick(0);
    await device.stopQueue(0);
  });

  it('is reset again and again, and works afterwards', async () => {
    const { driver } = await openBusy();
    for (let round = 0; round < 20; round++) {
      await driver.reset();
      driver.start();
      for (let i = 0; i < round; i++) void driver.add([{ bytes: header(BlockRequestType.in, i) }, { room: BYTES + 1 }]);
      driver.kick();
    }
    await driver.reset();
    driver.start();
    const { status, data } = await driver.read(9, SECTOR_BYTES);
    expect([status, data]).toEqual([BlockStatus.ok, patternOf(1, 9)]);
  });

  it('is closed with its device', async () => {
    const { driver } = await openBusy();
    await driver.device.close();
    expect(driver.inFlight()).toBe(0);
  });
});

for (const { engine, needs } of FILE_IO_ENGINES) {
  describeWhere(needs, `queues by ${engine}`, () => {
    const open = () => BlockDriver.open({ path: makeImage(patternOf(64)), engine, queues: 4, queueSize: 16 });

    it('work independently of each other', async () => {
      const driver = open();
      const answers = await Promise.all([0, 1, 2, 3].map((queue) => driver.read(queue * 10, SECTOR_BYTES, queue)));
      expect(answers.map(({ data }) => data[0])).toEqual([0, 10, 20, 30]);
      await driver.device.stopQueue(2);
      expect((await driver.read(5, SECTOR_BYTES, 1)).data[0]).toBe(5);
      expect(driver.device.engineOf(2)).toBeUndefined();
      expect(driver.device.engineOf(1)).toBe(engine);
    });

    it('see what another queue has written', async () => {
      const driver = open();
      await driver.write(3, patternOf(1, 99), 0);
      expect((await driver.read(3, SECTOR_BYTES, 3)).data).toEqual(patternOf(1, 99));
    });
  });
}

describe('a queue whose driver never stops', () => {
  it('gives other work of the thread its turn', async () => {
    const driver = BlockDriver.open({ path: makeImage(patternOf(64)), engine: 'sync', queueSize: 4 });
    let answered = 0;
    let turns = 0;
    // Whenever it is answered it asks again, from inside the interrupt: to the device the ring never runs empty.
    const ask = () => {
      void driver.add([{ bytes: header(BlockRequestType.in, 1) }, { room: SECTOR_BYTES + 1 }]).then(() => answered++);
    };
    const original = driver.engine().flush.bind(driver.engine());
    driver.engine().flush = () => {
      original();
      if (answered + driver.inFlight() < 10_000 && turns < 3) {
        ask();
        driver.publish();
      }
    };
    ask();
    const timer = setInterval(() => turns++, 0);
    driver.kick();
    while (turns < 3) await new Promise((resolve) => setImmediate(resolve));
    clearInterval(timer);
    expect(turns).toBe(3);
    await driver.stop();
  });
});
