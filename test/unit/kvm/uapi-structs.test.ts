import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as registers from '#dist/src/kvm/uapi/registers.js';
import * as runStructs from '#dist/src/kvm/uapi/run-structs.js';
import { offsetOf, type Struct } from '#dist/src/kvm/uapi/struct.js';
import * as vcpuStructs from '#dist/src/kvm/uapi/vcpu-structs.js';
import * as vmStructs from '#dist/src/kvm/uapi/vm-structs.js';
import { runC } from '../../support/c-program.js';
import { describeWhere, file, program } from '../../support/require.js';

const isStruct = (value: unknown): value is Struct<unknown> =>
  typeof value === 'object' && value !== null && 'members' in value;

const structs = [registers, vcpuStructs, vmStructs, runStructs].flatMap((module) =>
  Object.values(module).filter(isStruct),
);
/** kvm_ioregion is in no released header, the memory_fault exit came with Linux 6.8. */
const inHeader = structs.filter(
  (struct) => struct !== vmStructs.kvmIoregion && struct !== runStructs.kvmRunMemoryFault,
);
/** The layouts of single exits stop before the end of `struct kvm_run`. */
const sizeKnown = (struct: Struct<unknown>) => struct.name !== 'kvm_run';

interface Place {
  path: string;
  offset: number;
  size: number;
}

/** Every member, those of nested structures included, with its path from the outermost one. */
function places(struct: Struct<unknown>, prefix = '', base = 0): Place[] {
  return struct.members.flatMap(({ cName, offset, type }) => {
    const here = { path: prefix + cName, offset: base + offset, size: type.size };
    return isStruct(type) ? [here, ...places(type, `${here.path}.`, here.offset)] : [here];
  });
}

const line = (name: string, offset: number | string, size: number | string) => `${name} ${offset} ${size}`;

function expected(): string[] {
  return inHeader.flatMap((struct) => [
    ...(sizeKnown(struct) ? [line(struct.name, 0, struct.size)] : []),
    ...places(struct).map(({ path, offset, size }) => line(`${struct.name}.${path}`, offset, size)),
  ]);
}

function cLayout(): string[] {
  const prints = inHeader.flatMap((struct) => {
    const type = `struct ${struct.name}`;
    const members = places(struct).map(
      ({ path }) =>
        `printf("${struct.name}.${path} %zu %zu\\n", offsetof(${type}, ${path}), sizeof(((${type} *)0)->${path}));`,
    );
    return sizeKnown(struct) ? [`printf("${struct.name} 0 %zu\\n", sizeof(${type}));`, ...members] : members;
  });
  const source = `#include <stddef.h>\n#include <stdio.h>\n#include <linux/kvm.h>\nint main(void) {\n${prints.join('\n')}\nreturn 0;\n}\n`;
  return runC(source).trim().split('\n');
}

describeWhere(
  [program('cc'), file('/usr/include/linux/kvm.h')],
  "structures against this machine's <linux/kvm.h>",
  () => {
    it('every member has the offset and the size that the C compiler gives it', () => {
      expect(structs.length).toBeGreaterThan(25);
      expect(expected()).toEqual(cLayout());
    });

    it('the union of the exits lies where the C compiler puts it', () => {
      const output = runC(
        '#include <stddef.h>\n#include <stdio.h>\n#include <linux/kvm.h>\nint main(void) { printf("%zu %zu\\n", offsetof(struct kvm_run, padding), sizeof(((struct kvm_run *)0)->padding)); return 0; }',
      );
      expect(output.trim()).toBe(`${runStructs.EXIT_UNION_OFFSET} ${runStructs.EXIT_UNION_BYTES}`);
    });

    it('the sizes of the opaque structures are those of the C compiler', () => {
      const names = ['kvm_lapic_state', 'kvm_xsave', 'kvm_dirty_log'];
      const prints = names.map((name) => `printf("%zu\\n", sizeof(struct ${name}));`);
      const output = runC(`#include <stdio.h>\n#include <linux/kvm.h>\nint main(void) {${prints.join('')}return 0;}`);
      expect(output.trim().split('\n').map(Number)).toEqual([
        registers.LAPIC_STATE_BYTES,
        registers.XSAVE_STATE_BYTES,
        vmStructs.DIRTY_LOG_BYTES,
      ]);
    });
  },
);

/** Arbitrary values of the shape of `zero`, small enough for every integer type. */
function arbitraryLike(zero: unknown): fc.Arbitrary<unknown> {
  if (typeof zero === 'number') return fc.integer({ min: 0, max: 255 });
  if (typeof zero === 'bigint') return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  if (zero instanceof Uint8Array) return fc.uint8Array({ minLength: zero.length, maxLength: zero.length });
  if (Array.isArray(zero)) return fc.tuple(...zero.map(arbitraryLike));
  const entries = Object.entries(zero as object).map(([key, value]) => [key, arbitraryLike(value)]);
  return fc.record(Object.fromEntries(entries));
}

describe('layouts that no header on this machine may have yet', () => {
  it('kvm_ioregion is the 64-byte argument of RFC v3', () => {
    const { members, size } = vmStructs.kvmIoregion;
    expect(size).toBe(64);
    expect(members.map(({ offset }) => offset)).toEqual([0, 8, 16, 24, 28, 32]);
  });

  it('the memory_fault exit is three 64-bit words at the start of the union', () => {
    const offsets = (['flags', 'gpa', 'size'] as const).map((key) => offsetOf(runStructs.kvmRunMemoryFault, key));
    expect(offsets).toEqual([32, 40, 48]);
  });
});

describe('encoding and decoding of structures', () => {
  it.each(structs.map((struct) => [struct.name, struct] as const))('%s comes back as it was written', (_, struct) => {
    fc.assert(
      fc.property(arbitraryLike(struct.zero()), (value) => {
        expect(struct.decode(struct.encode(value as object))).toEqual(value);
      }),
      { numRuns: 25 },
    );
  });

  it('leaves missing fields and padding zero, whatever the buffer held', () => {
    const bytes = new Uint8Array(64).fill(0xff);
    registers.kvmDtable.encodeInto(bytes, 8, { limit: 0x1234 });
    expect([...bytes.subarray(8, 24)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0x34, 0x12, 0, 0, 0, 0, 0, 0]);
    expect(bytes[24]).toBe(0xff);
  });

  it('decodes at an offset of a view that does not start its buffer', () => {
    const bytes = new Uint8Array(100).subarray(3);
    registers.kvmDtable.encodeInto(bytes, 5, { base: 0xfeed_0000_0001n, limit: 7 });
    expect(registers.kvmDtable.decode(bytes, 5)).toEqual({ base: 0xfeed_0000_0001n, limit: 7 });
  });

  it('has no offset for a field that is not there', () => {
    expect(() => offsetOf<object>(registers.kvmRegs, 'eax' as never)).toThrow('struct kvm_regs has no field eax');
  });

  it.each([
    ['kvm_irqfd.gsi', () => vmStructs.kvmIrqfd.encode({ gsi: 2 ** 32 })],
    ['kvm_irqfd.gsi', () => vmStructs.kvmIrqfd.encode({ gsi: -1 })],
    ['kvm_irqfd.gsi', () => vmStructs.kvmIrqfd.encode({ gsi: 1.5 })],
    ['kvm_ioeventfd.fd', () => vmStructs.kvmIoeventfd.encode({ fd: 2 ** 31 })],
    ['kvm_ioeventfd.datamatch', () => vmStructs.kvmIoeventfd.encode({ datamatch: 2n ** 64n })],
    ['kvm_ioeventfd.addr', () => vmStructs.kvmIoeventfd.encode({ addr: -1n })],
    ['kvm_enable_cap.args.length', () => vmStructs.kvmEnableCap.encode({ args: [1n, 2n, 3n, 4n, 5n] })],
    ['kvm_enable_cap.args[1]', () => vmStructs.kvmEnableCap.encode({ args: [1n, 2n ** 64n] })],
    [
      'kvm_sregs.cs.selector',
      () => registers.kvmSregs.encode({ cs: { ...registers.kvmSegment.zero(), selector: 65536 } }),
    ],
  ])('refuses a value that does not fit %s instead of truncating it', (field, encode) => {
    expect(encode).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_KVM_FIELD_RANGE', field }));
  });
});
