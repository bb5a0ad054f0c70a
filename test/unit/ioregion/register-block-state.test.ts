import { RegisterBlock, RegisterStateError } from 'ioregion/ioregion';
import { expect, test, vi } from 'vitest';

const block = new RegisterBlock({
  name: 'saved',
  description: '',
  size: 32,
  registers: [
    { offset: 0, width: 4, name: 'PLAIN', access: 'rw', onRead: 'x', onWrite: 'x', reset: 5, description: '' },
    { offset: 8, width: 8, name: 'WIDE', access: 'rw', description: '' },
    { offset: 16, width: 2, count: 2, name: 'PAIR', access: 'rw', description: '' },
    {
      offset: 20,
      width: 1,
      name: 'FLAGS',
      access: 'w1c',
      bits: [{ bit: 0, name: 'F', description: '' }],
      description: '',
    },
  ],
});
const onRead = vi.fn((stored: number) => stored);
const onWrite = vi.fn();
const make = () => block.create({ onRead: { PLAIN: onRead }, onWrite: { PLAIN: onWrite } });

test('a saved state survives JSON and restores every register, without running a handler', () => {
  const device = make();
  device.register('PLAIN').value = 0xffffffff;
  device.register('WIDE').value = 2n ** 64n - 1n;
  device.register('PAIR', 1).value = 9;
  device.register('FLAGS').value = 1;
  const state = JSON.parse(JSON.stringify(device.save()));
  expect(state).toEqual({
    block: 'saved',
    registers: { PLAIN: [0xffffffff], WIDE: ['0xffffffffffffffff'], PAIR: [0, 9], FLAGS: [1] },
  });
  const other = make();
  other.restore(state);
  expect(other.save()).toEqual(state);
  expect([onRead.mock.calls.length, onWrite.mock.calls.length]).toEqual([0, 0]);
});

const saved = { PLAIN: [1], WIDE: ['0x2'], PAIR: [3, 4], FLAGS: [0] };
const hostile: [what: string, state: unknown][] = [
  ['nothing', undefined],
  ['null', null],
  ['a string', 'saved'],
  ['an array', []],
  ['another block', { block: 'other', registers: saved }],
  ['no registers', { block: 'saved' }],
  ['registers that are no object', { block: 'saved', registers: 7 }],
  ['a missing register', { block: 'saved', registers: { ...saved, FLAGS: undefined } }],
  ['a register only inherited', { block: 'saved', registers: Object.create(saved) }],
  ['a register too many', { block: 'saved', registers: { ...saved, EXTRA: [0] } }],
  ['a prototype key', { block: 'saved', registers: JSON.parse('{"__proto__": [0]}') }],
  ['an array too short', { block: 'saved', registers: { ...saved, PAIR: [3] } }],
  ['an array too long', { block: 'saved', registers: { ...saved, PAIR: [3, 4, 5] } }],
  ['an array with a hole', { block: 'saved', registers: { ...saved, PAIR: new Array(2) } }],
  ['an object posing as an array', { block: 'saved', registers: { ...saved, PAIR: { length: 2, 0: 3, 1: 4 } } }],
  ['a value too large', { block: 'saved', registers: { ...saved, PAIR: [3, 65536] } }],
  ['a negative value', { block: 'saved', registers: { ...saved, PLAIN: [-1] } }],
  ['a fraction', { block: 'saved', registers: { ...saved, PLAIN: [0.5] } }],
  ['infinity', { block: 'saved', registers: { ...saved, PLAIN: [Number.POSITIVE_INFINITY] } }],
  ['a number as text', { block: 'saved', registers: { ...saved, PLAIN: ['1'] } }],
  ['a wide value as a number', { block: 'saved', registers: { ...saved, WIDE: [2] } }],
  ['a wide value beyond 64 bits', { block: 'saved', registers: { ...saved, WIDE: [`0x1${'0'.repeat(16)}`] } }],
  ['a wide value that is no number', { block: 'saved', registers: { ...saved, WIDE: ['0xzz'] } }],
  ['reserved bits', { block: 'saved', registers: { ...saved, FLAGS: [2] } }],
];
test.each(hostile)('a state with %s is refused with a code and changes nothing', (_what, state) => {
  const device = make();
  device.register('PAIR', 0).value = 77;
  const before = device.save();
  expect(() => device.restore(state)).toThrow(RegisterStateError);
  expect(() => device.restore(state)).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_REGISTER_STATE' }));
  expect(device.save()).toEqual(before);
});
