/** A device process that dies, stalls or lies: under every policy the guest goes on and the VMM hears of it once. */
import { LoopbackDispatcher } from 'ioregion/ioregion';
import type { Test } from 'tap';
import {
  expectedFailing,
  expectedFailure,
  expectedStops,
  FailureTrials,
  type PolicyKind,
} from '../stress/failure-trial.js';
import { type AccessGuest, LoopbackGuest } from '../stress/guest.js';
import { KvmGuest } from '../stress/kvm-guest.js';
import { MISBEHAVIOURS, type Misbehaviour } from '../stress/misbehaviour.js';
import { processUsage, settledUsage } from '../support/process-usage.js';
import { kvmDevice } from '../support/requirements.js';
import { testWhere } from './where.js';

const POLICIES: readonly PolicyKind[] = ['all-ones', 'stop', 'reconnect'];

async function runTrial(test: Test, trials: FailureTrials, misbehaviour: Misbehaviour, policy: PolicyKind) {
  for (const socketType of misbehaviour.sockets) {
    const before = processUsage();
    const result = await trials.run(misbehaviour, socketType, policy);
    const told = `${socketType}, ${policy}: `;
    test.equal(result.failures.length, 1, `${told}the VMM gets one failure`);
    test.match(result.failures[0], expectedFailure(misbehaviour, policy), `${told}with reason, region and access`);
    test.match(result.failures[0]?.code, /^ERR_IOREGION_/, `${told}with a code`);
    test.same(result.failing, expectedFailing(misbehaviour, policy), `${told}the guest goes on`);
    test.equal(result.stops, expectedStops(misbehaviour, policy), `${told}and stops where the policy says so`);
    test.same(result.healthy, trials.expectedHealthy, `${told}the other region is unaffected`);
    test.same(await settledUsage(before), before, `${told}no descriptor and no thread is left`);
  }
}

async function runAll(test: Test, start: () => Promise<AccessGuest> | AccessGuest): Promise<void> {
  const trials = await FailureTrials.start(await start());
  test.teardown(() => trials.close());
  for (const misbehaviour of MISBEHAVIOURS) {
    await test.test(`a device process: ${misbehaviour.name}`, async (subtest) => {
      for (const policy of POLICIES) await runTrial(subtest, trials, misbehaviour, policy);
    });
  }
}

function startLoopback(): AccessGuest {
  const dispatcher = new LoopbackDispatcher();
  return new LoopbackGuest(dispatcher, dispatcher.createCaller());
}

testWhere([], 'without KVM', (test) => runAll(test, startLoopback));
testWhere([kvmDevice], 'under KVM', (test) => runAll(test, () => KvmGuest.start()));
