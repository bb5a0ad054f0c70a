/** Where a vCPU's thread waits, according to the kernel: tests act when it is there, not after a guess of time. */
import { readFileSync } from 'node:fs';
import { until } from './bounded.js';
import type { ContractVcpu } from './harness.js';

/** x86-64 system calls in which the dispatcher waits, at each stage of an access. */
const SENDTO = 44;
const RECVFROM = 45;
const READ = 0;
const WRITE = 1;
const FUTEX = 202;
/** FUTEX_WAIT | FUTEX_PRIVATE_FLAG: the lock of a channel; libc's and V8's locks wait in other ways. */
const FUTEX_WAIT_PRIVATE = 0x80;

/** The number and first arguments of the call a thread is in; null while it runs. */
function systemCall(tid: number): { number: number; second: number } | null {
  const words = readFileSync(`/proc/self/task/${tid}/syscall`, 'utf8').split(' ');
  if (words.length < 4) return null;
  return { number: Number(words[0]), second: Number(words[2]) };
}

function isIn(vcpu: ContractVcpu, ...numbers: number[]): boolean {
  const call = systemCall(vcpu.tid);
  return call !== null && numbers.includes(call.number);
}

/** Its command has gone out and the response has not come. */
export function waitsForResponse(vcpu: ContractVcpu): Promise<void> {
  return until(() => isIn(vcpu, RECVFROM, READ), 'a vCPU that waits for a response');
}

/** The file takes no more. */
export function waitsToSend(vcpu: ContractVcpu): Promise<void> {
  return until(() => isIn(vcpu, SENDTO, WRITE), 'a vCPU that waits for room to send');
}

/** Another vCPU has a command outstanding on the same fd. */
export function waitsForChannel(vcpu: ContractVcpu): Promise<void> {
  const waits = () => {
    const call = systemCall(vcpu.tid);
    return call !== null && call.number === FUTEX && (call.second & 0xff) === FUTEX_WAIT_PRIVATE;
  };
  return until(waits, 'a vCPU that waits for the channel');
}
