import { describe, expect, it } from 'vitest';
import { CAPABILITIES, capabilityName } from '#dist/src/kvm/uapi/capabilities.js';
import { EXIT_REASONS, exitReasonName, INTERNAL_ERRORS, SYSTEM_EVENTS } from '#dist/src/kvm/uapi/exit-reasons.js';
import { IOCTLS } from '#dist/src/kvm/uapi/ioctls.js';
import { macrosOf, runC } from '../../support/c-program.js';
import { describeWhere, file, program } from '../../support/require.js';

/** Values of those `names` that <linux/kvm.h> defines, as the C compiler sees them. */
function headerValues(names: readonly string[]): Map<string, number> {
  const lines = names.map((name) => `#ifdef ${name}\n  printf("${name} %lu\\n", (unsigned long)(${name}));\n#endif`);
  const output = runC(
    `#include <stdio.h>\n#include <linux/kvm.h>\nint main(void) {\n${lines.join('\n')}\nreturn 0;\n}\n`,
  );
  return new Map([...output.matchAll(/^(\w+) (\d+)$/gm)].map((match) => [match[1]!, Number(match[2])]));
}

/** Macros that look like members of a family but are constants of something else. */
const NOT_EXIT_REASONS = /^KVM_EXIT_(IO_IN|IO_OUT|HYPERV_\w+|XEN_HCALL|ARM_SEA_\w+)$/;

function family(prefix: string): string[] {
  return [...macrosOf('linux/kvm.h').keys()].filter((name) => name.startsWith(prefix) && !NOT_EXIT_REASONS.test(name));
}

describeWhere(
  [program('cc'), file('/usr/include/linux/kvm.h')],
  "constants against this machine's <linux/kvm.h>",
  () => {
    it('every ioctl number is the one the C compiler computes', () => {
      const header = headerValues(Object.keys(IOCTLS));
      expect(header.size).toBe(Object.keys(IOCTLS).length - 1); // KVM_SET_IOREGION is in no released header
      for (const [name, value] of header) expect([name, IOCTLS[name as keyof typeof IOCTLS]]).toEqual([name, value]);
    });

    it.each([
      ['KVM_CAP_', CAPABILITIES],
      ['KVM_EXIT_', EXIT_REASONS],
      ['KVM_INTERNAL_ERROR_', INTERNAL_ERRORS],
      ['KVM_SYSTEM_EVENT_', SYSTEM_EVENTS],
    ])('the %s table has every name of the header, with its number', (prefix, table) => {
      const names = family(prefix).filter((name) => !name.startsWith('KVM_INTERNAL_ERROR_EMULATION_FLAG'));
      expect(names.length).toBeGreaterThan(2);
      const ours = new Map<string, number>(Object.entries(table));
      for (const [name, value] of headerValues(names)) expect([name, ours.get(name)]).toEqual([name, value]);
    });
  },
);

describe('constants that no header on this machine may have yet', () => {
  it('numbers KVM_SET_IOREGION as every fork of RFC v1 to v3 does', () => {
    expect(IOCTLS.KVM_SET_IOREGION).toBe(0x4040ae49);
  });

  it('names the exits added after Linux 6.1', () => {
    expect([38, 39, 40].map(exitReasonName)).toEqual([
      'KVM_EXIT_LOONGARCH_IOCSR',
      'KVM_EXIT_MEMORY_FAULT',
      'KVM_EXIT_TDX',
    ]);
  });

  it('reports an exit it has no name for with its number', () => {
    expect(exitReasonName(4096)).toBe('unknown(4096)');
  });

  it('gives each exit reason and each capability a number of its own', () => {
    for (const table of [EXIT_REASONS, CAPABILITIES]) {
      const numbers = Object.values(table);
      expect(new Set(numbers).size).toBe(numbers.length);
    }
    expect(Object.values(EXIT_REASONS)).toEqual([...Object.values(EXIT_REASONS).keys()]);
  });

  it('finds a capability by number, and nothing for a number of another kernel', () => {
    expect(capabilityName(36)).toBe('KVM_CAP_IOEVENTFD');
    expect(capabilityName(9999)).toBeUndefined();
  });
});
