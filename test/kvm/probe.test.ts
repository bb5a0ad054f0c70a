import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { Kvm, type ProbeReport, probeHost } from 'ioregion/kvm';
import { EventFd } from 'ioregion/native';
import { expect, it } from 'vitest';
import { countIoeventfds } from '#dist/src/kvm/probe/ioeventfd-limit.js';
import { PATIENCE } from '../support/patience.js';
import { describeWhere, kvmDevice } from '../support/require.js';

const PROGRAM = new URL('../../dist/src/cli/ioregion.cjs', import.meta.url).pathname;
const BUS_DEVICES = 1000;

const probe = (...options: string[]): string =>
  execFileSync(process.execPath, [PROGRAM, 'probe', ...options], { encoding: 'utf8', timeout: 20_000 * PATIENCE });

describeWhere([kvmDevice], 'probing a host with KVM', () => {
  it('reports the API, the capabilities and the ioeventfds', () => {
    const { kvm } = probeHost();
    expect(kvm).toMatchObject({
      available: true,
      apiVersion: 12,
      capabilities: { KVM_CAP_IOEVENTFD: 1, KVM_CAP_IRQFD: 1, KVM_CAP_IMMEDIATE_EXIT: 1 },
      ioeventfds: { tried: 7, assigned: 7 },
    });
  });

  it('believes the ioctl, not the capability numbers', () => {
    const { kvm, dispatcher } = probeHost();
    if (!kvm.available) throw new Error('KVM went away');
    const { supported, refusal, capabilities } = kvm.ioregionfd;
    expect(supported).toBe(refusal === 'EINVAL');
    expect(capabilities.map(({ number }) => number)).toEqual([191, 195, 206]);
    expect(dispatcher.kind).toBe(supported ? 'kernel' : 'native');
    expect(dispatcher.reason).toContain('KVM_SET_IOREGION');
  });

  it('tells an emulated guest from a native one', () => {
    const { kvm, pvm } = probeHost();
    expect(pvm).toBe(existsSync('/sys/module/kvm_pvm'));
    if (!kvm.available || kvm.guest === null) throw new Error('the tiny guest did not run');
    expect(kvm.guest.emulated).toBe(kvm.guest.nsPerInstruction > 50);
    expect(kvm.guest.nsPerInstruction).toBeLessThan(100_000);
  });

  it('counts fewer ioeventfds where a VM takes fewer', () => {
    using kvm = Kvm.open();
    using vm = kvm.createVm();
    using eventfd = EventFd.create();
    for (let i = 0; i < BUS_DEVICES; i++) vm.coalesced.register({ space: 'pio', address: 0x1000 + i, size: 1 });
    const tooMany = () => vm.ioeventfds.assign({ eventfd, space: 'pio', address: 0x100, length: 2 });
    expect(tooMany).toThrow(expect.objectContaining({ errnoName: 'ENOSPC' }));
    expect(countIoeventfds(vm.ioeventfds)).toBe(0);
  });
});

describeWhere([kvmDevice], 'ioregion probe', () => {
  it('prints the report as JSON', () => {
    const report: ProbeReport = JSON.parse(probe('--json'));
    expect(report).toMatchObject({
      kvm: { available: true, apiVersion: 12 },
      dispatcher: { reason: expect.any(String) },
    });
    expect(Object.keys(report)).toEqual(Object.keys(probeHost()));
  });

  it('prints a table with the dispatcher first', () => {
    const lines = probe().split('\n');
    expect(lines[1]).toMatch(/dispatcher.*(kernel|native)/);
    expect(lines.some((line) => /ioeventfds of a VM.*many.*7 of 7/.test(line))).toBe(true);
    expect(lines.some((line) => /guest kernel-mode code.*ns an instruction/.test(line))).toBe(true);
    expect(new Set(lines.filter((line) => line !== '').map((line) => line.length)).size).toBe(1);
  });
});
