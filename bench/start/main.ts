/**
 * Cold starts: `node dist/bench/start/main.js [runs]` prints the median and the fastest of `ioregion probe` as a whole
 * process, and of a region server's Worker until it serves, beside the start of Node.js alone.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { LoopbackDispatcher, serveOnThread } from '../../src/ioregion/index.js';
import { REGION } from '../mmio/bench-device.js';
import { median } from '../mmio/statistics.js';

const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const DEVICE = { module: new URL('../mmio/bench-device.js', import.meta.url).href };
const runs = Number(process.argv[2] ?? 20);

function processMs(...args: string[]): number {
  const start = performance.now();
  const { status } = spawnSync(process.execPath, args, { stdio: 'ignore', timeout: 20_000 });
  if (status !== 0) throw new Error(`${args.join(' ')} ended with status ${status}`);
  return performance.now() - start;
}

async function workerMs(): Promise<number> {
  const dispatcher = new LoopbackDispatcher();
  const start = performance.now();
  const served = await serveOnThread(dispatcher, { space: 'mmio', ...REGION }, DEVICE);
  const elapsed = performance.now() - start;
  await served.close();
  dispatcher.close();
  return elapsed;
}

function show(name: string, samples: readonly number[], limit: number | null): void {
  const middle = median(Uint32Array.from(samples, Math.round));
  const goal = limit === null ? '' : `, goal ${limit} ms: ${middle <= limit ? 'met' : 'missed'}`;
  console.log(`${name.padEnd(34)} median ${middle} ms, fastest ${Math.round(Math.min(...samples))} ms${goal}`);
}

const samples = { node: [] as number[], probe: [] as number[], worker: [] as number[] };
for (let run = 0; run < runs; run++) {
  samples.node.push(processMs('-e', '0'));
  samples.probe.push(processMs(CLI, 'probe'));
  samples.worker.push(await workerMs());
}
show('node -e 0', samples.node, null);
show('ioregion probe', samples.probe, 150);
show('region server on a Worker, ready', samples.worker, 100);
