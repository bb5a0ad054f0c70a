// Runs a command of this project on a machine with an ordinary /dev/kvm: `npm run nested -- [options] command…`.
import { parseArgs } from 'node:util';
import { buildReference } from '../../dist/bench/reference/build.js';
import { buildAll } from '../../dist/guests/build.js';
import { explainMissing } from './host.mjs';
import { runNested } from './machine.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '600' },
    cpus: { type: 'string', default: '2' },
    memory: { type: 'string', default: '1536' },
  },
});
if (positionals.length === 0) {
  console.error('usage: npm run nested -- [--seconds N] [--cpus N] [--memory MIB] -- command [argument...]');
  process.exit(2);
}
if (explainMissing()) process.exit(2);
await Promise.all([buildAll(), buildReference()]); // there is no compiler there
const { seconds, cpus, memory } = values;
process.exitCode = await runNested(positionals, {
  seconds: Number(seconds),
  cpus: Number(cpus),
  memoryMib: Number(memory),
});
