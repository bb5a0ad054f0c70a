/** How far a benchmark is: a bar on a terminal, a line for each pair elsewhere. */
import { Presets, SingleBar } from 'cli-progress';
import type { PairSpec } from '../../bench/mmio/row.js';
import type { Progress } from '../../bench/mmio/run.js';

/** Writes to `stream`, the bar only where that is a terminal. */
export function benchProgress(stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? barProgress(stream) : lineProgress(stream);
}

function barProgress(stream: NodeJS.WriteStream): Progress {
  const format = ' {bar} {percentage}% | {name} | {eta_formatted} left';
  const bar = new SingleBar({ stream, format, clearOnComplete: true, hideCursor: true }, Presets.shades_grey);
  return {
    start: (totalSlots) => bar.start(totalSlots, 0, { name: '' }),
    pair: (pair) => bar.update({ name: nameOf(pair).padEnd('ioregionfd-process write'.length) }),
    slot: () => bar.increment(),
    stop: () => bar.stop(),
  };
}

function lineProgress(stream: NodeJS.WritableStream): Progress {
  return {
    start: () => {},
    pair: (pair) => stream.write(`measuring ${nameOf(pair)}\n`),
    slot: () => {},
    stop: () => {},
  };
}

function nameOf({ path, operation }: PairSpec): string {
  return `${path} ${operation}`;
}
