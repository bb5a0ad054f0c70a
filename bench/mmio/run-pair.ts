/** Measures one pair: the same path and operation in JavaScript and in C, in turns. */
import { Cleanup } from './cleanup.js';
import type { PathRunner } from './path-runner.js';
import { RowRecorder } from './recorder.js';
import type { Implementation, PairSpec } from './row.js';
import { type Turn, turnsOf } from './schedule.js';

export interface RowRun {
  readonly implementation: Implementation;
  readonly recorder: RowRecorder;
}

export interface PairRun extends PairSpec {
  readonly rows: readonly RowRun[];
}

export interface PairOptions {
  readonly secondsPerPair: number;
  /** Ends the measurement between two slots, with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each recorded slot. */
  readonly onSlot?: () => void;
}

/** Opens the runners, takes the turns, closes the runners whatever happens. */
export async function runPair(pair: PairSpec, runners: readonly PathRunner[], options: PairOptions): Promise<PairRun> {
  const cleanup = new Cleanup();
  try {
    for (const runner of runners) await cleanup.use(runner).open();
    return { ...pair, rows: await takeTurns(runners, options) };
  } finally {
    await cleanup.run();
  }
}

async function takeTurns(runners: readonly PathRunner[], options: PairOptions): Promise<RowRun[]> {
  const lanes = new Map(runners.map((runner) => [runner.implementation, { runner, recorder: new RowRecorder() }]));
  for (const turn of turnsOf([...lanes.keys()], options.secondsPerPair)) {
    options.signal?.throwIfAborted();
    const lane = lanes.get(turn.implementation)!;
    await takeTurn(turn, lane.runner, lane.recorder);
    if (turn.recorded) options.onSlot?.();
  }
  return [...lanes.values()].map(({ runner, recorder }) => ({
    implementation: runner.implementation,
    recorder,
  }));
}

async function takeTurn(turn: Turn, runner: PathRunner, recorder: RowRecorder): Promise<void> {
  const slot = await runner.slot(turn.milliseconds);
  if (turn.recorded) recorder.add(slot);
}
