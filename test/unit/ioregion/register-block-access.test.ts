import { AccessValue, type Handlers, RegisterBlock, readAny, writeAny } from 'ioregion/ioregion';
import { describe, expect, test, vi } from 'vitest';

const table = {
  name: 'sample',
  description: 'One register of each kind.',
  size: 0x60,
  registers: [
    { offset: 0x00, width: 4, name: 'ID', access: 'ro', reset: 0xfeed0001, description: 'Identity.' },
    { offset: 0x04, width: 4, widths: [1, 2, 4], name: 'SCRATCH', access: 'rw', description: 'Scratch.' },
    { offset: 0x08, width: 4, name: 'KICK', access: 'wo', onWrite: 'kicks', description: 'Doorbell.' },
    { offset: 0x0c, width: 4, name: 'EVENTS', access: 'w1c', onWrite: 'lowers the line', description: 'Events.' },
    { offset: 0x10, width: 4, widths: [2, 4], name: 'MISSED', access: 'rc', onRead: 'logs', description: 'Missed.' },
    {
      offset: 0x14,
      width: 2,
      name: 'CONTROL',
      access: 'rw',
      reset: 0x0100,
      bits: [
        { bit: 0, name: 'ENABLE', description: 'On.' },
        { bit: 4, width: 4, name: 'MODE', description: 'Mode.' },
        { bit: 8, name: 'READY', access: 'ro', description: 'Ready.' },
        { bit: 15, name: 'ERROR', access: 'w1c', description: 'Error.' },
      ],
      description: 'Mixed bits.',
    },
    { offset: 0x16, width: 1, name: 'TICKS', access: 'ro', onRead: 'counts', description: 'Ticks.' },
    { offset: 0x18, width: 8, widths: [4, 8], name: 'BASE', access: 'rw', onWrite: 'moves', description: 'Address.' },
    { offset: 0x20, width: 8, name: 'TIME', access: 'ro', onRead: 'takes the time', description: 'Whole only.' },
    { offset: 0x28, width: 8, widths: [4], name: 'HALVES', access: 'rw', onWrite: 'moves', description: 'Halves.' },
    { offset: 0x50, width: 2, widths: [1, 2], name: 'ALARM', access: 'w1c', onWrite: 'clears', description: 'Alarm.' },
    {
      offset: 0x30,
      width: 2,
      count: 4,
      stride: 8,
      name: 'QUEUE',
      access: 'rw',
      onWrite: 'sizes',
      description: 'Sizes.',
    },
  ],
} as const;
const block = new RegisterBlock(table);

function makeDevice(changes: Partial<Handlers<typeof table>['onWrite']> = {}) {
  const log: unknown[] = [];
  const note =
    (name: string) =>
    (...args: unknown[]) => {
      log.push([name, ...args]);
    };
  let ticks = 0;
  const device = block.create({
    onRead: {
      MISSED: (stored) => {
        log.push(['MISSED', stored]);
        return stored;
      },
      TICKS: () => ++ticks,
      TIME: (stored, index) => {
        log.push(['TIME', stored, index]);
        return 0x1122334455667788n;
      },
    },
    onWrite: {
      KICK: note('KICK'),
      EVENTS: note('EVENTS'),
      BASE: note('BASE'),
      HALVES: note('HALVES'),
      ALARM: note('ALARM'),
      QUEUE: note('QUEUE'),
      ...changes,
    },
  });
  return { device, log };
}

describe('a register block device', () => {
  test('starts with its reset values and returns to them, keeping its counters', () => {
    const { device } = makeDevice();
    device.write(0x04, 4, 0x12345678);
    device.write(0x00, 4, 1);
    device.register('QUEUE', 3).value = 7;
    device.reset();
    expect([device.read(0, 4), device.read(4, 4), device.read(0x48, 2)]).toEqual([0xfeed0001, 0, 0]);
    expect(device.refused.readOnly).toBe(1);
  });

  test('gives and takes bit 31 as an unsigned number', () => {
    const { device, log } = makeDevice();
    device.write(0x04, 4, 0xffffffff);
    device.write(0x08, 4, 0x80000000);
    expect([device.read(4, 4), device.register('SCRATCH').value]).toEqual([0xffffffff, 0xffffffff]);
    expect(log).toEqual([['KICK', 0x80000000, 0]]);
  });

  test('ignores and counts writes to a read-only register', () => {
    const { device } = makeDevice();
    device.write(0x00, 4, 0);
    expect([device.read(0, 4), device.refused.readOnly, device.refused.total]).toEqual([0xfeed0001, 1, 1]);
  });

  test('reads a write-only register as zero and counts that', () => {
    const { device } = makeDevice();
    device.write(0x08, 4, 5);
    expect([device.read(8, 4), device.register('KICK').value, device.refused.writeOnly]).toEqual([0, 5, 1]);
  });

  test('clears the bits a one is written to, and tells the handler which', () => {
    const { device, log } = makeDevice();
    device.register('EVENTS').value = 0b1011;
    device.write(0x0c, 4, 0b0110);
    expect(device.read(0x0c, 4)).toBe(0b1001);
    expect(log).toEqual([['EVENTS', 0b0110, 0]]);
  });

  test('clears a read-to-clear register by reading, byte by accessed byte', () => {
    const { device } = makeDevice();
    device.register('MISSED').value = 0xaabbccdd;
    expect(device.read(0x12, 2)).toBe(0xaabb);
    expect(device.read(0x10, 4)).toBe(0x0000ccdd);
    expect(device.read(0x10, 4)).toBe(0);
  });

  test('keeps a bit for the next read that a read handler sets while its register is being cleared', () => {
    const own = new RegisterBlock({
      name: 'late',
      description: '',
      size: 4,
      registers: [{ offset: 0, width: 4, name: 'FLAGS', access: 'rc', onRead: 'raises bit 7', description: '' }],
    });
    const device = own.create({
      onRead: {
        FLAGS: (stored) => {
          device.register('FLAGS').value |= 0x80;
          return stored;
        },
      },
    });
    device.register('FLAGS').value = 1;
    expect([device.read(0, 4), device.read(0, 4)]).toEqual([1, 0x80]);
  });

  test('reads what a read handler returns, cut to the register', () => {
    const { device } = makeDevice();
    expect([device.read(0x16, 1), device.read(0x16, 1)]).toEqual([1, 2]);
    expect(device.register('TICKS').value).toBe(0);
  });

  test('mixes bits of several kinds in one register', () => {
    const { device } = makeDevice();
    device.register('CONTROL').value = 0xffff;
    expect(device.read(0x14, 2)).toBe(0x81f1);
    device.write(0x14, 2, 0x8020);
    expect(device.read(0x14, 2)).toBe(0x0120);
    device.write(0x14, 2, 0xffff);
    expect(device.read(0x14, 2)).toBe(0x01f1);
  });

  test('takes parts of a register that allows them', () => {
    const { device } = makeDevice();
    device.write(0x04, 4, 0x44332211);
    device.write(0x05, 1, 0xaa);
    device.write(0x06, 2, 0xbbcc);
    expect([device.read(4, 4), device.read(7, 1), device.read(4, 2)]).toEqual([0xbbccaa11, 0xbb, 0xaa11]);
  });

  test('drops the bits of a value that lie beyond the access', () => {
    const { device, log } = makeDevice();
    device.register('ALARM').value = 0xffff;
    device.write(0x50, 1, 0x1ff);
    expect(device.read(0x50, 2)).toBe(0xff00);
    expect(log).toEqual([['ALARM', 0x00ff, 0]]);
    device.write(0x04, 1, 0x123);
    expect(device.read(0x04, 4)).toBe(0x23);
  });

  test('tells the handler of an array which of its registers was written', () => {
    const { device, log } = makeDevice();
    device.write(0x40, 2, 256);
    expect(log).toEqual([['QUEUE', 256, 2]]);
    expect([0, 1, 2, 3].map((index) => device.register('QUEUE', index).value)).toEqual([0, 0, 256, 0]);
  });

  test('lets what a handler throws through to the server', () => {
    const { device } = makeDevice({
      KICK: () => {
        throw new Error('device is broken');
      },
    });
    expect(() => device.write(8, 4, 1)).toThrow('device is broken');
  });
});

describe('refused accesses', () => {
  const cases: [what: string, offset: number, size: number, counter: string][] = [
    ['in a gap', 0x17, 1, 'unmapped'],
    ['after the block', 0x60, 4, 'unmapped'],
    ['at a negative offset', -4, 4, 'unmapped'],
    ['at a fractional offset', 0.5, 1, 'unmapped'],
    ['narrower than the register takes', 0x00, 1, 'width'],
    ['in the middle of a register', 0x02, 2, 'width'],
    ['misaligned', 0x05, 2, 'width'],
    ['of half of a register that is whole only', 0x24, 4, 'width'],
    ['of a size that does not exist', 0x04, 3, 'width'],
    ['of no bytes', 0x04, 0, 'width'],
    ['of 8 bytes, which go elsewhere', 0x18, 8, 'width'],
    ['across two registers', 0x14, 4, 'crossing'],
    ['across the end of a register', 0x06, 4, 'crossing'],
  ];
  test.each(cases)('%s read as all ones, write nothing, and are counted', (_what, offset, size, counter) => {
    const { device, log } = makeDevice();
    const before = device.save();
    expect(device.read(offset, size)).toBe(0xffffffff);
    device.write(offset, size, 0xffffffff);
    expect(device.save()).toEqual(before);
    expect(log).toEqual([]);
    expect({ ...device.refused, total: device.refused.total }).toMatchObject({ [counter]: 2, total: 2 });
  });
});

describe('8-byte registers', () => {
  test('are read and written whole, calling their handler once', () => {
    const { device, log } = makeDevice();
    device.write64!(0x18, 0x8899aabbccddeeffn);
    expect([device.read64!(0x18), device.register('BASE').value]).toEqual([0x8899aabbccddeeffn, 0x8899aabbccddeeffn]);
    expect(device.read64!(0x20)).toBe(0x1122334455667788n);
    expect(log).toEqual([
      ['BASE', 0x8899aabbccddeeffn, 0],
      ['TIME', 0n, 0],
    ]);
  });

  test('are accessed by halves where their widths allow it, the handler seeing the whole', () => {
    const { device, log } = makeDevice();
    device.write(0x18, 4, 0x80000000);
    device.write(0x1c, 4, 0xffffffff);
    expect([device.read(0x18, 4), device.read(0x1c, 4)]).toEqual([0x80000000, 0xffffffff]);
    expect(log).toEqual([
      ['BASE', 0x80000000n, 0],
      ['BASE', 0xffffffff80000000n, 0],
    ]);
  });

  test('show a handler the other half as it is stored, whichever half is written', () => {
    const { device, log } = makeDevice();
    device.register('BASE').value = 0x1111111122222222n;
    device.write(0x18, 4, 3);
    device.write(0x1c, 4, 4);
    expect(log).toEqual([
      ['BASE', 0x11111111_00000003n, 0],
      ['BASE', 0x00000004_00000003n, 0],
    ]);
  });

  test('show a read handler the whole, and the guest its half of what the handler returns', () => {
    const swapped = (stored: bigint) => ((stored & 0xffffffffn) << 32n) | (stored >> 32n);
    const spec = {
      offset: 0,
      width: 8,
      widths: [4, 8],
      name: 'SWAP',
      access: 'ro',
      reset: 0x80000001_00000002n,
    } as const;
    const registers = [{ ...spec, onRead: 'swaps the halves', description: '' }] as const;
    const own = new RegisterBlock({ name: 'swap', description: '', size: 8, registers });
    const device = own.create({ onRead: { SWAP: swapped } });
    expect([device.read(0, 4), device.read(4, 4)]).toEqual([0x80000001, 2]);
    expect(device.read64!(0)).toBe(0x00000002_80000001n);
  });

  test('that take halves only get two accesses for one of 8 bytes', () => {
    const { device, log } = makeDevice();
    device.write64!(0x28, 0x2_0000_0001n);
    expect(log).toEqual([
      ['HALVES', 1n, 0],
      ['HALVES', 0x2_0000_0001n, 0],
    ]);
  });

  test('cut what the device assigns to 64 bits', () => {
    const { device } = makeDevice();
    device.register('BASE').value = -1n;
    expect(device.register('BASE').value).toBe(2n ** 64n - 1n);
  });

  test('elsewhere an 8-byte access is two 4-byte ones, low half first', () => {
    const { device } = makeDevice();
    const order: number[] = [];
    vi.spyOn(device, 'write').mockImplementation((offset) => order.push(offset));
    device.write64!(0x00, 1n);
    expect(order).toEqual([0x00, 0x04]);
    vi.restoreAllMocks();
    device.write64!(0x00, 0x1_0000_0002n);
    expect(device.read64!(0x00)).toBe(0x0000_0001_feed_0001n);
    expect(device.read64!(0x14)).toBe(0x0000_0000_ffff_ffffn);
  });

  test('give a block 64-bit methods only where a register takes 8 bytes', () => {
    const narrow = new RegisterBlock({
      name: 'halves',
      description: '',
      size: 8,
      registers: [{ offset: 0, width: 8, widths: [4], name: 'WIDE', access: 'rw', description: '' }],
    }).create({});
    expect([narrow.read64, narrow.write64]).toEqual([undefined, undefined]);
    const value = new AccessValue();
    value.setBigint(0x8000000180000002n);
    writeAny(narrow, 0, 8, value);
    value.set(0, 0);
    readAny(narrow, 0, 8, value);
    expect([value.bigint, narrow.register('WIDE').value]).toEqual([0x8000000180000002n, 0x8000000180000002n]);
  });
});

test('asking for a register the table does not have is an error with a code', () => {
  const { device } = makeDevice();
  expect(() => device.register('QUEUE', 4)).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_REGISTER_NAME' }));
  expect(() => device.register('constructor' as 'QUEUE')).toThrow('no register constructor[0]');
});
