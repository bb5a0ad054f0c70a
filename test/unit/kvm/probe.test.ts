import { execFileSync } from 'node:child_process';
import { KvmIoctlError, type KvmPresent, probeHost, type Vm } from 'ioregion/kvm';
import { describe, expect, it } from 'vitest';
import { chooseDispatcher } from '#dist/src/kvm/probe/dispatcher-choice.js';
import { ioregionCapabilityNumbers, probeIoregionfd } from '#dist/src/kvm/probe/ioregionfd-support.js';

const PROGRAM = new URL('../../../dist/src/cli/ioregion.cjs', import.meta.url).pathname;

const run = (...options: string[]): string =>
  execFileSync(process.execPath, [PROGRAM, ...options], { encoding: 'utf8', timeout: 20_000 });

/** A VM of a kernel that answers KVM_SET_IOREGION with this errno. */
const vmRefusing = (errnoName: string, errno: number) =>
  ({
    fd: { number: 0 },
    capability: (number: number) => number - 190,
    setIoregion: () => {
      throw new KvmIoctlError('KVM_SET_IOREGION', errnoName, errno);
    },
  }) as unknown as Vm;

describe('probing a host without KVM', () => {
  it('is a result: the reason, a hint, and the loopback dispatcher', () => {
    expect(probeHost({ device: '/nonexistent/kvm' })).toMatchObject({
      kvm: {
        available: false,
        code: 'ERR_IOREGION_KVM_UNAVAILABLE',
        message: expect.stringContaining('/nonexistent/kvm: ENOENT'),
        hint: expect.stringContaining('modprobe'),
      },
      dispatcher: { kind: 'loopback' },
    });
  });

  it('prints one line about it, and succeeds', () => {
    const lines = run('probe', '--device', '/nonexistent/kvm').split('\n');
    expect(lines.filter((line) => line.includes('ENOENT')).length).toBe(1);
    expect(lines.find((line) => line.includes('ENOENT'))).toMatch(/KVM .*unusable.*modprobe/);
    expect(lines.find((line) => line.includes('dispatcher'))).toContain('loopback');
  });

  it('prints the same as JSON, and succeeds', () => {
    const report = JSON.parse(run('probe', '--json', '--device', '/dev/null'));
    expect(report).toMatchObject({ kvm: { available: false }, dispatcher: { kind: 'loopback' } });
  });
});

describe('ioregionfd in the kernel', () => {
  it.each([
    ['EINVAL', 22, true],
    ['ENOTTY', 25, false],
    ['ENOSYS', 38, false],
  ])('%s to a request that is always refused', (errnoName, errno, supported) => {
    const support = probeIoregionfd(vmRefusing(errnoName, errno), {});
    expect(support).toMatchObject({ supported, refusal: errnoName });
    expect(support.capabilities).toContainEqual({ number: 191, answer: 1, upstream: 'KVM_CAP_SYS_HYPERV_CPUID' });
    const kvm = { available: true, ioregionfd: support } as KvmPresent;
    expect(chooseDispatcher(kvm).kind).toBe(supported ? 'kernel' : 'native');
  });

  it('asks for the capability number of another fork where one is configured', () => {
    expect(ioregionCapabilityNumbers({ IOREGION_KVM_CAP: '300' })).toEqual([300]);
    expect(ioregionCapabilityNumbers({ IOREGION_KVM_CAP: 'many' })).toEqual([191, 195, 206]);
    expect(ioregionCapabilityNumbers({ IOREGION_KVM_CAP: '' })).toEqual([191, 195, 206]);
    const support = probeIoregionfd(vmRefusing('ENOTTY', 25), { IOREGION_KVM_CAP: '300' });
    expect(support.capabilities).toEqual([{ number: 300, answer: 110, upstream: null }]);
  });
});

describe('the program', () => {
  it('lists its commands, and has a version', () => {
    expect(run('--help')).toMatch(/probe .*\n[\s\S]*bench/);
    expect(run('--version').trim()).toMatch(/^\d+\.\d+\.\d+$/);
    expect(run('probe', '--help')).toContain('--json');
  });

  it('refuses a command it does not have', () => {
    expect(() => run('porbe')).toThrow(/unknown command 'porbe'[\s\S]*probe/);
  });
});
