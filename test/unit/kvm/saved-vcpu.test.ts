/** The shape of a saved vCPU, which may come from anybody. */
import fc from 'fast-check';
import { checkSavedVcpu, SAVED_VCPU_PARTS, type SavedVcpu } from 'ioregion/kvm';
import { describe, expect, it } from 'vitest';

const SIZES: Readonly<Record<string, number>> = {
  'mp-state': 4,
  sregs: 312,
  regs: 144,
  xsave: 4096,
  xcrs: 392,
  debugregs: 128,
  lapic: 1024,
  events: 64,
  cpuid: 8 + 40,
  msrs: 8 + 16,
};
const TSC = 0x10;

function saved(): Record<string, Uint8Array> {
  const parts = Object.fromEntries(Object.entries(SIZES).map(([name, size]) => [name, new Uint8Array(size)]));
  for (const name of ['cpuid', 'msrs']) parts[name]![0] = 1;
  parts.msrs![8] = TSC;
  return parts;
}

const refused = expect.objectContaining({ code: 'ERR_IOREGION_KVM_SAVED_STATE' });

describe('a saved vCPU', () => {
  it('has the parts that the list names, of the sizes that KVM has', () => {
    expect([...SAVED_VCPU_PARTS].sort()).toEqual(Object.keys(SIZES).sort());
    expect(checkSavedVcpu(saved(), [TSC]).msrs).toEqual([{ index: TSC, data: 0n }]);
  });

  it.each(Object.keys(SIZES))('is refused with %s of another length, or without it', (name) => {
    const whole = saved();
    expect(() => checkSavedVcpu({ ...whole, [name]: whole[name]!.subarray(1) }, [TSC])).toThrow(refused);
    const { [name]: _, ...rest } = whole;
    expect(() => checkSavedVcpu(rest, [TSC])).toThrow(refused);
    expect(() => checkSavedVcpu({ ...whole, [name]: 'bytes' } as unknown as SavedVcpu, [TSC])).toThrow(refused);
  });

  it('is refused with an MSR that this host does not have', () => {
    expect(() => checkSavedVcpu(saved(), [])).toThrow('this host has no MSR 0x10');
  });

  it('is refused or accepted whatever its lists hold, and no count has memory of its own', () => {
    const lists = fc.record({ cpuid: fc.uint8Array({ maxLength: 64 }), msrs: fc.uint8Array({ maxLength: 64 }) });
    const check = fc.property(lists, (random) => {
      try {
        checkSavedVcpu({ ...saved(), ...random }, [TSC]);
      } catch (error) {
        expect(error).toEqual(refused);
      }
    });
    fc.assert(check);
  });
});
