// The promises that take minutes to check, at their full counts: `npm run soak [name...]`. One line per part at the end.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const tap = (file) => ['npx', 'tap', 'run', '--timeout=2400', '--reporter=terse', `dist/test/system/${file}.test.js`];

// `goal: false`: the figures are printed; a machine that others use as well decides whether they are met.
const PARTS = {
  mixed: {
    what: '1 million mixed accesses on one fd, 100,000 kicks; loopback and KVM',
    command: tap('stress'),
    env: { IOREGION_STRESS_ACCESSES: '1000000', IOREGION_STRESS_KICKS: '100000' },
  },
  'set-ups': {
    what: '1,000 set-ups, succeeding and failing at each step',
    command: tap('set-ups'),
    env: { IOREGION_STRESS_SETUPS: '1000' },
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
  heap: { what: 'heap per access over 1 million accesses', command: ['node', 'dist/bench/heap/main.js'] },
  start: { what: 'cold starts', command: ['node', 'dist/bench/start/main.js'], goal: false },
};

const asked = process.argv.slice(2);
const names = asked.length > 0 ? asked : Object.keys(PARTS);
const unknown = names.filter((name) => !(name in PARTS));
if (unknown.length > 0) {
  console.error(`soak: no part named ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}`);
  process.exit(2);
}
if (!existsSync(`${root}dist/test/system`)) {
  console.error('soak: nothing is built; run npm run build first');
  process.exit(2);
}

const results = names.map((name) => {
  const { what, command, env = {}, goal = true } = PARTS[name];
  console.log(`\n== ${name}: ${what}`);
  const start = Date.now();
  const [program, ...args] = command;
  const { status } = spawnSync(program, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  return { name, ok: status === 0 || !goal, seconds: Math.round((Date.now() - start) / 1000) };
});

console.log('');
for (const { name, ok, seconds } of results) console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
process.exit(results.every(({ ok }) => ok) ? 0 : 1);
