/** A vCPU without KVM: makes accesses with a loopback caller on a Worker of its own, as an x86 CPU would make them. */
import { parentPort, workerData } from 'node:worker_threads';
import { type LoopbackCaller, openLoopbackCaller } from 'ioregion/ioregion';
import { AccessOutcome, threadId } from 'ioregion/native';
import {
  type Access,
  type AccessResult,
  allOnes,
  type GuestAccess,
  type Space,
  type StringAccess,
} from './accesses.js';
import { Decision, type LoopbackReply, type LoopbackRequest, type LoopbackVcpuData } from './loopback-protocol.js';

const PAGE_BYTES = 4096;
const HALF = 0xffffffffn;

const port = parentPort!;
const { dispatcherId, vcpu, decision } = workerData as LoopbackVcpuData;
const decisionWord = new Int32Array(decision);
const caller = openLoopbackCaller(dispatcherId);

function reply(message: LoopbackReply): void {
  port.postMessage(message);
}

class AbandonedError extends Error {}

/** Blocks as a vCPU outside KVM_RUN does. */
function awaitDecision(): number {
  Atomics.wait(decisionWord, 0, Decision.none);
  const made = Atomics.exchange(decisionWord, 0, Decision.none);
  if (made === Decision.abandon) throw new AbandonedError();
  return made;
}

function settle(first: number): number {
  let outcome = first;
  for (;;) {
    if (outcome === AccessOutcome.interrupted) {
      reply({ type: 'interrupted' });
      awaitDecision();
      outcome = caller.resume();
    } else if (outcome === AccessOutcome.failed) {
      reply({ type: 'failed', record: caller.failureRecord() });
      outcome = caller.resolve(awaitDecision() === Decision.retry);
    } else {
      return outcome;
    }
  }
}

function readValue({ valueLow, valueHigh }: LoopbackCaller): bigint {
  return (BigInt(valueHigh) << 32n) | BigInt(valueLow);
}

/** One piece, as it reaches the bus. */
function piece(space: Space, isWrite: boolean, address: number, size: number, value: bigint): bigint {
  const outcome = settle(caller.begin(space, isWrite, address, size, Number(value & HALF), Number(value >> 32n)));
  if (outcome === AccessOutcome.done) return isWrite ? 0n : readValue(caller);
  reply({ type: 'unhandled', access: { vcpu, space, write: isWrite, address, size, value } });
  return isWrite ? 0n : allOnes(size);
}

/** An MMIO access that crosses a page is two, the lower first. */
function once({ kind, space, address, size }: Access, value: bigint): bigint {
  const first = space === 'mmio' ? Math.min(size, PAGE_BYTES - (address % PAGE_BYTES)) : size;
  const isWrite = kind === 'write';
  const low = piece(space, isWrite, address, first, value & allOnes(first));
  if (first === size) return low;
  const shift = BigInt(8 * first);
  return low | (piece(space, isWrite, address + first, size - first, value >> shift) << shift);
}

function repeat(access: Access): AccessResult {
  let value = 0n;
  let sum = 0n;
  for (let index = 0; index < access.count; index++) {
    value = once(access, BigInt.asUintN(8 * access.size, access.value + access.step * BigInt(index)));
    sum = BigInt.asUintN(64, sum + value);
  }
  return { value, sum, elements: [] };
}

function string({ kind, port: address, size, elements }: StringAccess): AccessResult {
  const isWrite = kind === 'string-out';
  const got = elements.map((element) => piece('pio', isWrite, address, size, isWrite ? element : 0n));
  return { value: 0n, sum: 0n, elements: isWrite ? [] : got };
}

function perform(access: GuestAccess): AccessResult {
  return 'port' in access ? string(access) : repeat(access);
}

function close(): void {
  caller.close();
  port.close();
}

function run(accesses: readonly GuestAccess[]): void {
  try {
    reply({ type: 'done', results: accesses.map(perform) });
  } catch (error) {
    if (!(error instanceof AbandonedError)) throw error;
    close();
  }
}

port.on('message', (request: LoopbackRequest) => (request.type === 'run' ? run(request.accesses) : close()));
reply({ type: 'ready', tid: threadId(), callerId: caller.id });
