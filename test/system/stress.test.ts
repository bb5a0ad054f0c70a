/**
 * Nothing is lost, repeated or reordered, however many callers share an fd and however often they are interrupted.
 * IOREGION_STRESS_ACCESSES and IOREGION_STRESS_KICKS are the counts (`npm run soak` sets the full ones, and 0 for what
 * it leaves out), IOREGION_STRESS_SOCKETS the kinds of socket, IOREGION_SEED repeats a run.
 */
import type { SocketType } from 'ioregion/native';
import t, { type Test } from 'tap';
import { runKicks } from '../stress/kicks.js';
import { type MixedResult, runMixedAccesses } from '../stress/mixed-accesses.js';
import { seedOf } from '../stress/random.js';
import { SequenceMachine, type SequenceMachineOptions } from '../stress/sequence-machine.js';
import { processUsage, settledUsage } from '../support/process-usage.js';
import { kvmDevice } from '../support/requirements.js';
import { testWhere } from './where.js';

const ACCESSES = Number(process.env.IOREGION_STRESS_ACCESSES ?? 20_000);
const KICKS = Number(process.env.IOREGION_STRESS_KICKS ?? 2_000);
const SOCKET_TYPES = (process.env.IOREGION_STRESS_SOCKETS ?? 'seqpacket,stream').split(',') as SocketType[];
/** Between two lines that say how far it is. */
const PROGRESS_MS = 15_000;
const CALLERS = 2;
const SLOW_DEVICE = { busyNs: 100_000 };
const TIMEOUT_MS = 5_400_000;

t.setTimeout(TIMEOUT_MS);

function agrees(test: Test, result: MixedResult): void {
  test.equal(result.wrongReads, 0, 'every read returned the number due');
  test.same(result.wrongWrites, [0, 0], 'every write arrived with the number due');
  test.same(result.served, result.made, 'the devices served what the callers made');
  test.same(result.dispatched, result.kinds, 'and the dispatcher counted the same reads, writes and posted writes');
}

/** Says how far a long run is, for whoever watches it. */
function progress(test: Test, total: number, what: string): (done: number) => void {
  let next = performance.now() + PROGRESS_MS;
  return (done) => {
    if (performance.now() < next) return;
    next = performance.now() + PROGRESS_MS;
    test.comment(`${done} of ${total} ${what}`);
  };
}

async function withMachine(
  test: Test,
  options: SequenceMachineOptions,
  body: (machine: SequenceMachine, seed: number) => Promise<void>,
): Promise<void> {
  const seed = seedOf();
  const started = performance.now();
  const machine = await SequenceMachine.start(options);
  try {
    await body(machine, seed);
  } finally {
    await machine.close();
  }
  test.comment(`seed ${seed}, ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

async function mixed(test: Test, options: Pick<SequenceMachineOptions, 'kind' | 'socketType'>): Promise<void> {
  await test.test(`${CALLERS} callers make ${ACCESSES} accesses to 2 regions on one ${options.socketType}`, (subtest) =>
    withMachine(subtest, { ...options, callers: CALLERS }, async (machine, seed) => {
      const onProgress = progress(subtest, ACCESSES, 'accesses');
      agrees(subtest, await runMixedAccesses(machine, ACCESSES / CALLERS, seed, onProgress));
    }),
  );
}

async function kicks(test: Test, options: Pick<SequenceMachineOptions, 'kind' | 'socketType'>): Promise<void> {
  await test.test(`${KICKS} kicks interrupt accesses on a ${options.socketType}`, (subtest) =>
    withMachine(subtest, { ...options, callers: 1, device: SLOW_DEVICE }, async (machine, seed) => {
      const result = await runKicks(machine, KICKS, seed, progress(subtest, KICKS, 'kicks'));
      subtest.equal(result.interruptions, KICKS, 'each kick interrupted once');
      agrees(subtest, result);
    }),
  );
}

async function runStress(test: Test, kind: 'loopback' | 'kvm'): Promise<void> {
  await (await SequenceMachine.start({ kind, callers: 1 })).close(); /* what the process keeps for good is there now */
  const before = processUsage();
  for (const socketType of SOCKET_TYPES) {
    if (ACCESSES > 0) await mixed(test, { kind, socketType });
    if (KICKS > 0) await kicks(test, { kind, socketType });
  }
  test.same(await settledUsage(before), before, 'no descriptor and no thread is left');
}

testWhere([], 'without KVM', (test) => runStress(test, 'loopback'));
testWhere([kvmDevice], 'under KVM', (test) => runStress(test, 'kvm'));
