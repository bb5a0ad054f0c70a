/** A vCPU that cannot begin, without KVM: nothing of it is left. On a KVM: test/system/set-ups.test.ts. */
import { readdirSync } from 'node:fs';
import { Vcpu, type Vm } from 'ioregion/kvm';
import { EventFd } from 'ioregion/native';
import { expect, it, vi } from 'vitest';

const usage = () => ['task', 'fd'].map((what) => readdirSync(`/proc/self/${what}`).length);

/** A descriptor is all that a vCPU takes of its VM to begin. */
const vm = { kvm: { vcpuMmapSize: 4096 }, createVcpuFd: () => EventFd.create() } as unknown as Vm;

it('a vCPU whose dispatcher is closed leaves no thread and no descriptor', () => {
  const dispatcher = {
    get id(): number {
      throw new Error('it is closed');
    },
    resolveFailure: () => Promise.reject(new Error('nobody asks')),
  };
  const before = usage();
  expect(() => Vcpu.begin(vm, 0, { dispatcher })).toThrow('it is closed');
  expect(usage()).toEqual(before);
});

it('a vCPU whose devices have options that cannot be sent leaves no thread and no descriptor', async () => {
  const exitHandler = { module: 'file:///nowhere.js', options: { handler: () => {} } };
  const before = usage();
  expect(() => Vcpu.begin(vm, 0, { exitHandler })).toThrow('could not be cloned');
  await vi.waitFor(() => expect(usage()).toEqual(before), { timeout: 10_000 });
});
