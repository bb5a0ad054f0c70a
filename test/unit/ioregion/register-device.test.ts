import {
  AccessValue,
  type AsyncRegisterDevice,
  type RegisterDevice,
  readAny,
  readAnyAsync,
  writeAny,
  writeAnyAsync,
} from 'ioregion/ioregion';
import { describe, expect, test } from 'vitest';

function recordingDevice(answers: number[]) {
  const log: unknown[] = [];
  const device: RegisterDevice = {
    read: (offset, size) => {
      log.push(['read', offset, size]);
      return answers.shift()!;
    },
    write: (offset, size, value) => log.push(['write', offset, size, value]),
  };
  return { device, log };
}

function wideDevice(answer: bigint) {
  const log: unknown[] = [];
  const device: RegisterDevice = {
    read: () => -1,
    write: () => {},
    read64: (offset) => {
      log.push(['read64', offset]);
      return answer;
    },
    write64: (offset, value) => log.push(['write64', offset, value]),
  };
  return { device, log };
}

const of = (value: bigint) => {
  const holder = new AccessValue();
  holder.setBigint(value);
  return holder;
};

describe('an access to a device', () => {
  test('cuts what the device returns to the size of the access', () => {
    const value = of(2n ** 64n - 1n);
    const read = (answer: number, size: number) => {
      readAny(recordingDevice([answer]).device, 0, size, value);
      return value.bigint;
    };
    expect([read(-1, 1), read(-1, 2), read(-1, 4)]).toEqual([0xffn, 0xffffn, 0xffffffffn]);
    expect([read(0x1ff, 1), read(2 ** 32 + 5, 4), read(Number.NaN, 4)]).toEqual([0xffn, 5n, 0n]);
  });

  test('hands over unsigned values cut to the size of the access', () => {
    const { device, log } = recordingDevice([]);
    for (const size of [1, 2, 4]) writeAny(device, 8, size, of(0xfedcba98_87654321n));
    expect(log).toEqual([
      ['write', 8, 1, 0x21],
      ['write', 8, 2, 0x4321],
      ['write', 8, 4, 0x87654321],
    ]);
  });

  test('of 8 bytes becomes two of 4, low half first, where the device has no 64-bit methods', () => {
    const { device, log } = recordingDevice([0x80000001, 0x80000002]);
    const value = new AccessValue();
    readAny(device, 0x10, 8, value);
    expect(value.bigint).toBe(0x80000002_80000001n);
    writeAny(device, 0x20, 8, value);
    expect(log).toEqual([
      ['read', 0x10, 4],
      ['read', 0x14, 4],
      ['write', 0x20, 4, 0x80000001],
      ['write', 0x24, 4, 0x80000002],
    ]);
  });

  test('of 8 bytes goes to the 64-bit methods where there are some', () => {
    const { device, log } = wideDevice(-1n);
    const value = new AccessValue();
    readAny(device, 0x10, 8, value);
    expect([value.low, value.high]).toEqual([0xffffffff, 0xffffffff]);
    writeAny(device, 0x18, 8, value);
    expect(log).toEqual([
      ['read64', 0x10],
      ['write64', 0x18, 2n ** 64n - 1n],
    ]);
  });
});

describe('an access to a device that may answer later', () => {
  test('is over at once where the device answers at once', () => {
    const { device, log } = recordingDevice([0x1234]);
    const value = new AccessValue();
    expect(readAnyAsync(device, 0, 1, value)).toBeUndefined();
    expect(value.bigint).toBe(0x34n);
    const silent: AsyncRegisterDevice = { ...device, write: (offset) => void log.push(offset) };
    expect(writeAnyAsync(silent, 4, 4, value)).toBeUndefined();
    expect(log).toEqual([['read', 0, 1], 4]);
  });

  test('settles once the device has answered', async () => {
    let answer: (value: number) => void = () => {};
    let finish: () => void = () => {};
    const device: AsyncRegisterDevice = {
      read: () => new Promise<number>((resolve) => (answer = resolve)),
      write: () => new Promise<void>((resolve) => (finish = resolve)),
    };
    const value = of(7n);
    const reading = readAnyAsync(device, 0, 2, value);
    expect(value.bigint).toBe(7n);
    answer(-1);
    await reading;
    expect(value.bigint).toBe(0xffffn);
    let written = false;
    const writing = writeAnyAsync(device, 0, 2, value)?.then(() => (written = true));
    await Promise.resolve();
    expect(written).toBe(false);
    finish();
    await writing;
    expect(written).toBe(true);
  });

  test('of 8 bytes reads and writes the low half first, the high half once that is done', async () => {
    const log: unknown[] = [];
    const device: AsyncRegisterDevice = {
      read: async (offset) => {
        log.push(['reading', offset]);
        await Promise.resolve();
        log.push(['read', offset]);
        return offset + 0x80000000;
      },
      write: async (offset, _size, value) => {
        log.push(['writing', offset, value]);
        await Promise.resolve();
        log.push(['written', offset]);
      },
    };
    const value = new AccessValue();
    await readAnyAsync(device, 0, 8, value);
    await writeAnyAsync(device, 8, 8, value);
    expect(value.bigint).toBe(0x80000004_80000000n);
    expect(log).toEqual([
      ['reading', 0],
      ['read', 0],
      ['reading', 4],
      ['read', 4],
      ['writing', 8, 0x80000000],
      ['written', 8],
      ['writing', 12, 0x80000004],
      ['written', 12],
    ]);
  });

  test('of 8 bytes goes to the 64-bit methods where there are some', async () => {
    const { device, log } = wideDevice(5n);
    const value = new AccessValue();
    await readAnyAsync(device, 0, 8, value);
    await writeAnyAsync(device, 8, 8, value);
    expect(log).toEqual([
      ['read64', 0],
      ['write64', 8, 5n],
    ]);
  });

  test('passes on what the device throws or rejects with', async () => {
    const broken = new Error('broken');
    const throwing: AsyncRegisterDevice = {
      read: () => {
        throw broken;
      },
      write: () => Promise.reject(broken),
    };
    const value = new AccessValue();
    expect(() => readAnyAsync(throwing, 0, 4, value)).toThrow(broken);
    await expect(readAnyAsync(throwing, 0, 8, value)).rejects.toBe(broken);
    await expect(writeAnyAsync(throwing, 0, 4, value)).rejects.toBe(broken);
  });
});
