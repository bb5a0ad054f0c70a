/** The policy `reconnect` where several regions and callers meet the failure of one channel. */
import { type FailurePolicy, LoopbackDispatcher, type RegionFds } from 'ioregion/ioregion';
import { AccessOutcome, type Fd, socketpair } from 'ioregion/native';
import { afterEach, beforeEach, expect, it } from 'vitest';

const FIRST = 0x1000;
const SECOND = 0x2000;

let dispatcher: LoopbackDispatcher;
let fds: Fd[];
let reconnections: number;

beforeEach(() => {
  dispatcher = new LoopbackDispatcher();
  fds = [];
  reconnections = 0;
});
afterEach(() => {
  dispatcher.close();
  for (const fd of fds) fd.close();
});

function pair(): [Fd, Fd] {
  const [vmm, device] = socketpair('seqpacket');
  fds.push(vmm, device);
  return [vmm, device];
}

async function reconnect(): Promise<RegionFds> {
  reconnections += 1;
  const [vmm] = pair();
  return { readFd: vmm, writeFd: vmm };
}

const RECONNECT: FailurePolicy = { kind: 'reconnect', reconnect };

/** Two regions on one channel whose device is gone. */
function deadChannel(policies: readonly FailurePolicy[] = [RECONNECT, RECONNECT]): void {
  const [vmm, device] = pair();
  device.close();
  for (const [index, gpa] of [FIRST, SECOND].entries()) {
    dispatcher.addRegion({ space: 'mmio', gpa, size: 8, readFd: vmm, writeFd: vmm, policy: policies[index]! });
  }
}

/** What a caller tells the dispatcher after its access failed. */
function failAt(gpa: number) {
  const caller = dispatcher.createCaller();
  expect(caller.begin('mmio', true, gpa, 4)).toBe(AccessOutcome.failed);
  const record = caller.failureRecord();
  caller.close();
  return record;
}

it('one reconnection serves all regions of the channel', async () => {
  deadChannel();
  const records = [failAt(FIRST), failAt(SECOND)];
  const decisions = await Promise.all(records.map((record) => dispatcher.resolveFailure(record)));
  expect([decisions, reconnections]).toEqual([['retry', 'retry'], 1]);
});

it('an access that failed before the reconnection, and is reported after it, is sent again', async () => {
  deadChannel();
  const [early, late] = [failAt(FIRST), failAt(SECOND)];
  expect(await dispatcher.resolveFailure(early)).toBe('retry');
  expect(await dispatcher.resolveFailure(late)).toBe('retry');
  expect(reconnections).toBe(1);
});

it('a channel that fails again is reconnected again', async () => {
  deadChannel();
  expect(await dispatcher.resolveFailure(failAt(FIRST))).toBe('retry');
  fds.at(-1)!.close();
  expect(await dispatcher.resolveFailure(failAt(SECOND))).toBe('retry');
  expect(reconnections).toBe(2);
});

it('a channel whose second failure a region with another policy met first is reconnected again', async () => {
  deadChannel([RECONNECT, { kind: 'stop' }]);
  expect(await dispatcher.resolveFailure(failAt(FIRST))).toBe('retry');
  fds.at(-1)!.close();
  expect(await dispatcher.resolveFailure(failAt(SECOND))).toBe('stop');
  expect(await dispatcher.resolveFailure(failAt(FIRST))).toBe('retry');
  expect(reconnections).toBe(2);
});

it('a region added on the new fds shares the reconnection too', async () => {
  deadChannel();
  await dispatcher.resolveFailure(failAt(FIRST));
  const [vmm, device] = fds.slice(-2) as [Fd, Fd];
  const third = { space: 'mmio', gpa: 0x3000, size: 8, readFd: vmm, writeFd: vmm, policy: RECONNECT } as const;
  dispatcher.addRegion(third);
  device.close();
  const records = [failAt(0x3000), failAt(FIRST)];
  const decisions = await Promise.all(records.map((record) => dispatcher.resolveFailure(record)));
  expect([decisions, reconnections]).toEqual([['retry', 'retry'], 2]);
});

it('a reconnection that fails ends the access, and is tried again at the next one', async () => {
  let attempts = 0;
  const none = { kind: 'reconnect', reconnect: async () => (attempts++ === 0 ? null : reconnect()) } as const;
  deadChannel([none, none]);
  expect(await dispatcher.resolveFailure(failAt(FIRST))).toBe('all-ones');
  expect(await dispatcher.resolveFailure(failAt(FIRST))).toBe('retry');
  expect(attempts).toBe(2);
});
