/** Random tables and random accesses, against a model that keeps every bit of a register as its own little object. */
import fc from 'fast-check';
import {
  AccessValue,
  type BitField,
  blockExpectations,
  type RegisterAccess,
  RegisterBlock,
  type RegisterBlockDevice,
  type RegisterSpec,
  type RegisterTable,
  type RegisterWidth,
  readAny,
  unmetSteps,
  type WideRegister,
  writeAny,
} from 'ioregion/ioregion';
import { expect, test } from 'vitest';

const accesses = fc.constantFrom<RegisterAccess>('ro', 'rw', 'wo', 'w1c', 'rc');
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

/** A register without a place yet. */
const shapes = fc.constantFrom<RegisterWidth>(1, 2, 4, 8).chain((width) =>
  fc.record({
    width: fc.constant(width),
    widths: fc.option(
      fc.subarray(
        ([1, 2, 4, 8] as const).filter((size) => size <= width),
        { minLength: 1 },
      ),
      { nil: undefined },
    ),
    access: accesses,
    bits: fc.option(fields(8 * width), { nil: undefined }),
    count: fc.integer({ min: 1, max: 3 }),
    spread: fc.integer({ min: 1, max: 2 }),
    gap: fc.nat(2),
    reset: u64,
  }),
);

/** Disjoint bit fields, from lowest to highest. */
function fields(bits: number): fc.Arbitrary<BitField[]> {
  const cuts = fc.uniqueArray(fc.nat(bits), { minLength: 2, maxLength: 8 });
  return fc
    .tuple(cuts, fc.array(fc.option(accesses, { nil: undefined }), { minLength: 4, maxLength: 4 }))
    .map(([edges, kinds]) => {
      const sorted = edges.toSorted((a, b) => a - b);
      return kinds.flatMap((access, index) => {
        const [from, to] = [sorted[2 * index], sorted[2 * index + 1]];
        if (from === undefined || to === undefined) return [];
        const field = { bit: from, width: to - from, name: `F${index}`, description: '' };
        return [access === undefined ? field : { ...field, access }];
      });
    });
}

const tables: fc.Arbitrary<RegisterTable> = fc.array(shapes, { minLength: 1, maxLength: 6 }).map((list) => {
  let end = 0;
  const registers = list.map(({ spread, gap, reset, bits, widths, ...shape }, index): RegisterSpec => {
    const offset = (Math.ceil(end / shape.width) + gap) * shape.width;
    const stride = spread * shape.width;
    end = offset + (shape.count - 1) * stride + shape.width;
    const spec = { ...shape, offset, stride, name: `R${index}`, description: '' };
    const shaped = { ...spec, ...(bits && { bits }), ...(widths && { widths }) };
    const kinds = bitAccesses(shaped);
    const fitting = BigInt(
      `0b${kinds
        .map((kind, bit) => (kind === null ? '0' : bitOf(reset, bit)))
        .reverse()
        .join('')}`,
    );
    return { ...shaped, reset: shape.width === 8 ? fitting : Number(fitting) };
  });
  return { name: 'random', description: '', size: end + 3, registers };
});

function bitOf(value: bigint, bit: number): '0' | '1' {
  return (value >> BigInt(bit)) % 2n === 0n ? '0' : '1';
}

/** The access of each bit; null where it is reserved. */
function bitAccesses(spec: RegisterSpec): (RegisterAccess | null)[] {
  return Array.from({ length: 8 * spec.width }, (_, bit) => {
    if (spec.bits === undefined) return spec.access;
    const field = spec.bits.find((one) => bit >= one.bit && bit < one.bit + (one.width ?? 1));
    return field === undefined ? null : (field.access ?? spec.access);
  });
}

interface ModelBit {
  readonly access: RegisterAccess | null;
  value: '0' | '1';
}

class ModelRegister {
  readonly bits: ModelBit[];

  constructor(
    readonly spec: RegisterSpec,
    readonly index: number,
  ) {
    this.bits = bitAccesses(spec).map((access) => ({ access, value: '0' }));
    this.set(BigInt(spec.reset ?? 0));
  }

  get offset(): number {
    return this.spec.offset + this.index * (this.spec.stride ?? this.spec.width);
  }

  get value(): bigint {
    return BigInt(
      `0b${this.bits
        .map((bit) => bit.value)
        .toReversed()
        .join('')}`,
    );
  }

  set(value: bigint): void {
    for (const [at, bit] of this.bits.entries()) bit.value = bit.access === null ? '0' : bitOf(value, at);
  }

  takes(offset: number, size: number): boolean {
    const at = offset - this.offset;
    const widths: readonly number[] = this.spec.widths ?? [this.spec.width];
    return widths.includes(size) && at % size === 0 && at + size <= this.spec.width;
  }

  read(offset: number, size: number): bigint {
    const at = 8 * (offset - this.offset);
    const seen = this.bits.slice(at, at + 8 * size).map((bit) => {
      const value = bit.access === null || bit.access === 'wo' ? '0' : bit.value;
      if (bit.access === 'rc') bit.value = '0';
      return value;
    });
    return BigInt(`0b${seen.toReversed().join('')}`);
  }

  write(offset: number, size: number, value: bigint): void {
    const at = 8 * (offset - this.offset);
    for (const [index, bit] of this.bits.slice(at, at + 8 * size).entries()) {
      const written = bitOf(value, index);
      if (bit.access === 'rw' || bit.access === 'wo') bit.value = written;
      if (bit.access === 'w1c' && written === '1') bit.value = '0';
    }
  }
}

class Model {
  readonly registers: ModelRegister[];

  constructor(table: RegisterTable) {
    const indexes = (spec: RegisterSpec) => Array.from({ length: spec.count ?? 1 }, (_, index) => index);
    this.registers = table.registers.flatMap((spec) => indexes(spec).map((index) => new ModelRegister(spec, index)));
  }

  #at(offset: number, size: number): ModelRegister | undefined {
    const owner = this.registers.find((one) => offset >= one.offset && offset < one.offset + one.spec.width);
    return owner?.takes(offset, size) ? owner : undefined;
  }

  read(offset: number, size: number): bigint {
    const register = this.#at(offset, size);
    if (register !== undefined) return register.read(offset, size);
    if (size === 8) return this.read(offset, 4) + this.read(offset + 4, 4) * 2n ** 32n;
    return 256n ** BigInt(size) - 1n;
  }

  write(offset: number, size: number, value: bigint): void {
    const register = this.#at(offset, size);
    if (register !== undefined) register.write(offset, size, value);
    else if (size === 8) {
      this.write(offset, 4, value % 2n ** 32n);
      this.write(offset + 4, 4, value / 2n ** 32n);
    }
  }
}

type Action = { do: 'read' | 'write' | 'set' | 'reset' | 'restore'; place: number; size: number; value: bigint };
const actions: fc.Arbitrary<Action[]> = fc.array(
  fc.record({
    do: fc.constantFrom(
      'read' as const,
      'write' as const,
      'write' as const,
      'set' as const,
      'reset' as const,
      'restore' as const,
    ),
    place: fc.nat(),
    size: fc.constantFrom(1, 2, 4, 8),
    value: u64,
  }),
  { minLength: 1, maxLength: 30 },
);

function act(device: RegisterBlockDevice, model: Model, action: Action, size: number): void {
  const offset = action.place % (size + 4);
  const value = new AccessValue();
  value.setBigint(BigInt.asUintN(8 * action.size, action.value));
  if (action.do === 'write') {
    writeAny(device, offset, action.size, value);
    model.write(offset, action.size, value.bigint);
  } else if (action.do === 'read') {
    readAny(device, offset, action.size, value);
    expect(value.bigint).toBe(model.read(offset, action.size));
  } else if (action.do === 'set') {
    const register = model.registers[action.place % model.registers.length]!;
    register.set(action.value);
    setLive(device, register, action.value);
  } else if (action.do === 'reset') {
    device.reset();
    for (const register of model.registers) register.set(BigInt(register.spec.reset ?? 0));
  } else {
    device.restore(JSON.parse(JSON.stringify(device.save())));
  }
}

function setLive(device: RegisterBlockDevice, { spec, index }: ModelRegister, value: bigint): void {
  const live = device.register(spec.name, index);
  if (spec.width === 8) (live as WideRegister).value = value;
  else live.value = Number(BigInt.asUintN(32, value));
}

test('a block does what the model does, whatever its table and whatever the guest and the device do', () => {
  const agrees = fc.property(tables, actions, (table, list) => {
    const device = new RegisterBlock(table).create({});
    const model = new Model(table);
    for (const action of list) {
      act(device, model, action, table.size);
      for (const { spec, index, value } of model.registers) {
        expect(BigInt(device.register(spec.name, index).value)).toBe(value);
      }
    }
  });
  fc.assert(agrees, { numRuns: 1500 });
});

test('the expectations generated from any table are met by its device', () => {
  const met = fc.property(tables, (table) => {
    const block = new RegisterBlock(table);
    const expectations = blockExpectations(block);
    expect(new Set(expectations.map((one) => one.name)).size).toBe(expectations.length);
    for (const one of expectations) expect([one.name, unmetSteps(block.createInert(), one)]).toEqual([one.name, []]);
  });
  fc.assert(met, { numRuns: 300 });
});
