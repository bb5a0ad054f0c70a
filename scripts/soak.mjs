// The promises that take minutes to check, at their full counts: `npm run soak [name...]`. One line per part at the end.
// `npm run soak -- --nested mixed set-ups` runs their KVM halves on a nested machine; IOREGION_ONLY=host leaves them out.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { explainMissing } from './nested/host.mjs';
import { runNested } from './nested/machine.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const SECONDS = 5400;
/** A nested machine takes a core for half an hour: others come first. */
const NESTED_NICE = 5;
const test = (file) => `dist/test/system/${file}.test.js`;
const tap = (file) => ['npx', 'tap', 'run', `--timeout=${SECONDS}`, '--reporter=terse', test(file)];

// `goal: false`: the figures are printed; a machine that others use as well decides whether they are met.
const PARTS = {
  mixed: {
    what: '1 million mixed accesses on one fd, 100,000 kicks; loopback and KVM',
    command: tap('stress'),
    nested: { test: test('stress') },
    env: { IOREGION_STRESS_ACCESSES: '1000000', IOREGION_STRESS_KICKS: '100000' },
  },
  'set-ups': {
    what: '1,000 set-ups, succeeding and failing at each step',
    command: tap('set-ups'),
    nested: { test: test('set-ups') },
    env: { IOREGION_STRESS_SETUPS: '1000' },
  },
  kills: {
    what: 'disk servers killed 50 times each under a verifying writer in QEMU, split and packed',
    command: tap('killed-backend'),
    env: { IOREGION_KILLS: '50' },
  },
  fuzz: {
    what: '10 million random and mutated messages: codec, server, dispatcher',
    command: ['node', 'scripts/fuzz.mjs', '--messages', '10000000'],
  },
  queue: {
    what: '10,000 random drivers of each kind for split and packed rings; 1 million chains between two threads',
    command: ['npx', 'vitest', 'run', '--project', 'unit', '--testTimeout=1200000', 'test/unit/virtio/queue'],
    env: { IOREGION_QUEUE_RUNS: '10000', IOREGION_QUEUE_CHAINS: '250000' },
  },
  'vhost-user': {
    what: '1 million random vhost-user messages with random descriptors',
    command: ['npx', 'vitest', 'run', '--project', 'unit', 'test/unit/vhost-user/properties.test.ts'],
    env: { IOREGION_VHOST_MESSAGES: '1000000' },
  },
  deaths: {
    what: 'a vhost-user backend killed 50 times under a verifying driver; split and packed rings',
    command: tap('vhost-user-frontend'),
    env: { IOREGION_DEATHS: '50' },
  },
  fences: {
    what: 'memory ordering of the queues against a driver in C on the other core, a minute of each kind',
    command: ['npx', 'vitest', 'run', '--project', 'unit', 'test/unit/virtio/queue/fences.test.ts'],
    env: { IOREGION_FENCE_SECONDS: '60' },
  },
  heap: { what: 'heap per access over 1 million accesses', command: ['node', 'dist/bench/heap/main.js'] },
  start: { what: 'cold starts', command: ['node', 'dist/bench/start/main.js'], goal: false },
};

const { values, positionals: asked } = parseArgs({
  allowPositionals: true,
  options: { nested: { type: 'boolean' }, help: { type: 'boolean' } },
});
if (values.help) {
  console.log('usage: npm run soak -- [--nested] [part...]; all parts where none is named\n');
  for (const [name, { what, nested }] of Object.entries(PARTS))
    console.log(`${name.padEnd(11)}${what}${nested ? '; --nested: on a machine with a /dev/kvm' : ''}`);
  process.exit(0);
}
const known = Object.keys(PARTS).filter((name) => !values.nested || PARTS[name].nested);
const names = asked.length > 0 ? asked : known;
const unknown = names.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`soak: no part named ${unknown.join(', ')}; there are ${known.join(', ')}`);
  process.exit(2);
}
if (!existsSync(`${root}dist/test/system`)) {
  console.error('soak: nothing is built; run npm run build first');
  process.exit(2);
}

if (values.nested) {
  if (explainMissing()) process.exit(2);
  setPriority(NESTED_NICE);
}

function run({ command, env = {} }) {
  const [program, ...args] = command;
  return spawnSync(program, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } }).status;
}

/** On one CPU, as a thread that is woken on another one costs an emulated machine more than all else. */
async function runKvmHalf({ nested, env }) {
  const { buildAll } = await import('../dist/guests/build.js');
  await buildAll(); /* there is no compiler there */
  const environment = { ...env, IOREGION_ONLY: 'kvm', IOREGION_REQUIRE: 'all', IOREGION_PATIENCE: '10' };
  return runNested(['node', nested.test], { seconds: SECONDS, cpus: 1, environment });
}

const results = [];
for (const name of names) {
  const part = PARTS[name];
  console.log(`\n== ${name}: ${part.what}`);
  const start = Date.now();
  const status = values.nested ? await runKvmHalf(part) : run(part);
  const ok = status === 0 || part.goal === false;
  results.push({ name, ok, seconds: Math.round((Date.now() - start) / 1000) });
}

console.log('');
for (const { name, ok, seconds } of results) console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
process.exit(results.every(({ ok }) => ok) ? 0 : 1);
