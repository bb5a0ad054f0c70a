/**
 * A program that makes set-ups while descriptors are short: with 0 left, with 1, and so on until they succeed, so that
 * each fails at every step that opens one. Prints a StarvedResult for each as a line of JSON. Its own limit should be low.
 */
import { closeSync, openSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { processUsage } from '../support/process-usage.js';
import { SET_UPS, type SetUp } from './set-ups.js';

export interface StarvedResult {
  readonly name: string;
  /** Failures until the first success. */
  readonly failures: number;
  /** Errors without a code. */
  readonly uncoded: readonly string[];
  /** Descriptors and threads left behind. */
  readonly left: number;
}

const MOST_DESCRIPTORS = 100;

/** Takes all descriptors but `spare`; returns how to give them back. */
function starve(spare: number): () => void {
  const taken: number[] = [];
  for (;;) {
    try {
      taken.push(openSync('/dev/null', 'r'));
    } catch {
      break;
    }
  }
  const close = (fds: number[]) => {
    for (const fd of fds) closeSync(fd);
  };
  close(taken.splice(0, spare));
  return () => close(taken);
}

/** Null where it succeeded. */
async function attempt({ run }: SetUp, spare: number): Promise<unknown> {
  const release = starve(spare);
  try {
    await run();
    return null;
  } catch (error) {
    return error;
  } finally {
    release();
  }
}

async function held(): Promise<number> {
  await setImmediate(); /* handles of the event loop close at the end of a turn */
  await setImmediate();
  const { fds, threads } = processUsage();
  return fds + threads;
}

async function starved(setUp: SetUp): Promise<StarvedResult> {
  await setUp.run(); /* what the process keeps for good is there now */
  const before = await held();
  const uncoded: string[] = [];
  let failures = 0;
  for (; failures < MOST_DESCRIPTORS; failures++) {
    const error = await attempt(setUp, failures);
    if (error === null) break;
    if ((error as { code?: unknown }).code === undefined) uncoded.push(String(error));
  }
  return { name: setUp.name, failures, uncoded, left: (await held()) - before };
}

const withKvm = process.argv[2] === 'kvm';
for (const setUp of SET_UPS) {
  if (!setUp.threads && setUp.kvm === withKvm) console.log(JSON.stringify(await starved(setUp)));
}
