import {
  RegisterBlock,
  type RegisterSpec,
  type RegisterTable,
  RegisterTableError,
  type TableRule,
} from 'ioregion/ioregion';
import { describe, expect, test } from 'vitest';

const good: RegisterSpec = { offset: 0, width: 4, name: 'A', access: 'rw', description: '' };
const tableOf = (registers: object[], size: number): RegisterTable =>
  ({ name: 'bad', description: '', size, registers }) as RegisterTable;

function define(changes: object, size = 16): () => unknown {
  return () => new RegisterBlock(tableOf([{ ...good, ...changes }], size));
}

describe('defining a block refuses', () => {
  const cases: [what: string, rule: TableRule, define: () => unknown][] = [
    ['a size of zero', 'size', () => new RegisterBlock(tableOf([], 0))],
    ['a size beyond 64 KiB', 'size', () => new RegisterBlock(tableOf([], 65537))],
    ['a fractional size', 'size', () => new RegisterBlock(tableOf([], 1.5))],
    ['a register beyond the end', 'size', define({ offset: 16 })],
    ['an array beyond the end', 'size', define({ count: 5 })],
    ['an array with a stride beyond the end', 'size', define({ count: 2, stride: 16 })],
    ['a name that is no identifier', 'name', define({ name: 'A B' })],
    ['an empty name', 'name', define({ name: '' })],
    ['a name used twice', 'name', () => new RegisterBlock(tableOf([good, { ...good, offset: 4 }], 16))],
    ['a field name used twice', 'name', define({ bits: [field({ bit: 0 }), field({ bit: 1 })] })],
    ['a width of 3', 'width', define({ width: 3 })],
    ['an access size of 3', 'width', define({ widths: [3] })],
    ['an access size wider than the register', 'width', define({ widths: [4, 8] })],
    ['no access size at all', 'width', define({ widths: [] })],
    ['a misaligned offset', 'offset', define({ offset: 2 })],
    ['a negative offset', 'offset', define({ offset: -4 })],
    ['an offset that is no number', 'offset', define({ offset: Number.NaN })],
    ['an array of none', 'array', define({ count: 0 })],
    ['a stride smaller than the width', 'array', define({ count: 2, stride: 2 })],
    ['a stride that misaligns', 'array', define({ count: 2, stride: 6 })],
    ['an unknown access', 'access', define({ access: 'rx' })],
    ['an access named like a method of objects', 'access', define({ access: 'toString' })],
    ['an unknown access of a field', 'access', define({ bits: [field({ access: '' })] })],
    ['a reset value that is too large', 'reset', define({ reset: 2 ** 32 })],
    ['a negative reset value', 'reset', define({ reset: -1 })],
    ['a fractional reset value', 'reset', define({ reset: 0.5 })],
    ['a reset value with reserved bits', 'reset', define({ reset: 3, bits: [field({ bit: 0 })] })],
    ['a field beyond the register', 'bits', define({ bits: [field({ bit: 31, width: 2 })] })],
    ['a field without bits', 'bits', define({ bits: [field({ width: 0 })] })],
    ['a field at a negative bit', 'bits', define({ bits: [field({ bit: -1 })] })],
    ['fields that overlap', 'overlap', define({ bits: [field({ width: 4 }), field({ bit: 3, name: 'G' })] })],
    [
      'registers that overlap',
      'overlap',
      () => new RegisterBlock(tableOf([good, { ...good, name: 'B', width: 1, offset: 3 }], 16)),
    ],
    [
      'an array that runs into a register',
      'overlap',
      () =>
        new RegisterBlock(
          tableOf(
            [
              { ...good, offset: 8, name: 'B' },
              { ...good, count: 3 },
            ],
            16,
          ),
        ),
    ],
    ['a read effect where nothing can be read', 'effect', define({ access: 'wo', onRead: 'x' })],
    ['a write effect where nothing can be written', 'effect', define({ access: 'rc', onWrite: 'x' })],
  ];
  test.each(cases)('%s', (_what, rule, define) => {
    expect(define).toThrow(RegisterTableError);
    expect(define).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_REGISTER_TABLE', rule }));
  });

  function field(changes: object): object {
    return { bit: 0, name: 'F', description: '', ...changes };
  }
});

test('an error names the block and the register', () => {
  expect(define({ offset: 2 })).toThrow('register block bad: A: offset must be a multiple of width');
});

test('registers may touch, and an array may leave room for another one', () => {
  const interleaved = tableOf(
    [
      { ...good, name: 'EVEN', count: 2, stride: 8 },
      { ...good, name: 'ODD', offset: 4, count: 2, stride: 8 },
    ],
    16,
  );
  expect(new RegisterBlock(interleaved).table).toBe(interleaved);
});

describe('creating a device refuses', () => {
  const block = new RegisterBlock(
    tableOf(
      [
        { ...good, onWrite: 'rings' },
        { ...good, name: 'constructor', offset: 4, onRead: 'looks' },
      ],
      16,
    ),
  );
  const create = (handlers: object) => () => block.create(handlers);
  const handler = () => 0;
  const cases: [what: string, handlers: object, message: string][] = [
    ['a missing handler', { onRead: { constructor: handler } }, 'pass the function onWrite.A (rings)'],
    ['a handler inherited from an object', { onRead: {}, onWrite: { A: handler } }, 'onRead.constructor (looks)'],
    ['a handler that is no function', { onRead: { constructor: handler }, onWrite: { A: 1 } }, 'onWrite.A (rings)'],
    [
      'a handler that the table does not name',
      { onRead: { constructor: handler, A: handler }, onWrite: { A: handler } },
      'onRead.A is a handler the table does not name',
    ],
  ];
  test.each(cases)('%s', (_what, handlers, message) => {
    expect(create(handlers)).toThrow(message);
    expect(create(handlers)).toThrow(expect.objectContaining({ rule: 'handler' }));
  });
});
