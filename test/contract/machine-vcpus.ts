/** vCPUs of a guest machine whose threads are known. */
import type { VcpuOptions } from 'ioregion/kvm';
import { GuestMachine } from '../stress/guest-machine.js';

const HANDLER = new URL('./vcpu-thread-id.js', import.meta.url).href;

/** Starts `count` vCPUs; the thread ids are in their order. */
export async function startVcpus(
  count: number,
  options: VcpuOptions = {},
): Promise<{ machine: GuestMachine; tids: number[] }> {
  const words = Array.from({ length: count }, () => new Int32Array(new SharedArrayBuffer(4)));
  const optionsOf = ({ buffer }: Int32Array): VcpuOptions => {
    return { ...options, exitHandler: { module: HANDLER, factory: 'tellThreadId', options: buffer } };
  };
  const machine = await GuestMachine.start({ guest: 'oplist', vcpus: words.map(optionsOf) });
  return { machine, tids: words.map((word) => word[0]!) };
}
