import { probeHost } from 'ioregion/kvm';
import { describe, expect, it } from 'vitest';
import { kvmFacts } from '#dist/bench/mmio/kvm-facts.js';
import { runnablePaths } from '#dist/bench/mmio/row.js';

describe('a host without KVM', () => {
  const facts = kvmFacts(probeHost({ device: '/dev/no-such-kvm' }));

  it('is described with the reason', () => {
    expect(facts).toMatchObject({ usable: false, api_version: null, guest_emulated: null, dispatcher: 'loopback' });
    expect(facts.reason).toContain('/dev/no-such-kvm');
  });

  it('gets the loopback rows', () => {
    expect(runnablePaths(facts.usable)).toEqual(['loopback-thread', 'loopback-posted']);
  });
});
