/** Processes whose start is measured, and Node's own part of it. */
import { spawnSync } from 'node:child_process';
import { deviceProcessEnvironment } from '../../src/ioregion/control/process-environment.js';

/** Names a bundle that Node 20 parses at each start: half of what an empty process takes then. */
export const CERTIFICATES = 'NODE_EXTRA_CA_CERTS';
const RUNS = 5;

/** Without them. */
export const measuredEnvironment: () => NodeJS.ProcessEnv = deviceProcessEnvironment;

/** Milliseconds from its start to its end. */
export function timeNode(args: readonly string[], env: NodeJS.ProcessEnv = measuredEnvironment()): number {
  const started = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
  if (status !== 0) throw new Error(`node ${args.join(' ')} failed: ${stderr}`);
  return performance.now() - started;
}

/** One line: what the figures below hold of Node's own start. */
export function printEmptyNode(): void {
  const ms = (env: NodeJS.ProcessEnv) =>
    Math.round(median(Array.from({ length: RUNS }, () => timeNode(['-e', ''], env))));
  const without = `an empty node: ${ms(measuredEnvironment())} ms`;
  const set = process.env[CERTIFICATES] !== undefined;
  console.log(
    set ? `${without}; with this host's ${CERTIFICATES}, which is not measured, ${ms(process.env)} ms` : without,
  );
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;
