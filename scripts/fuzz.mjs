// Random and mutated messages into region servers, and responses into the dispatcher.
//   fuzz.mjs [--messages N] [--seed S]
// Prints the seed first: the same one makes the same run, but for the timing of the hostile thread. The status is 1 where a server or the dispatcher differs from
// the model, or the memory grows beyond its limit; a crash or a hang shows as what it is.
import { parseArgs } from 'node:util';
import { RSS_LIMIT_BYTES, runFuzz } from '../dist/test/stress/fuzz/run.js';
import { seedOf } from '../dist/test/stress/random.js';

const { values } = parseArgs({
  options: { messages: { type: 'string', default: '1000000' }, seed: { type: 'string', default: String(seedOf()) } },
});
const messages = Number(values.messages);
const seed = Number(values.seed);

console.log(`seed ${seed}, ${messages} messages`);
const onProgress = process.stderr.isTTY
  ? (done) => process.stderr.write(`\r${Math.round((100 * done) / messages)} %`)
  : undefined;
const report = await runFuzz({ messages, seed, ...(onProgress && { onProgress }) });
const { commands, conversations, responses, serverEnds, accessEnds, peerAccesses, peerEnds, wrong, seconds, growth } =
  report;
// A sanitizer keeps freed memory back, and more of its own.
const bounded = growth < RSS_LIMIT_BYTES || process.env.ASAN_OPTIONS !== undefined;

if (onProgress) process.stderr.write('\r');
console.log(`${commands} commands in ${conversations} conversations, which ended with`, serverEnds);
console.log(`${responses} responses, to accesses which ended with`, accessEnds);
console.log(`${peerAccesses} accesses to a hostile thread, which ended with`, peerEnds);
console.log(
  `${Math.round((commands + responses) / seconds)} messages/s; memory grew by ${(growth / 2 ** 20).toFixed(1)} MiB`,
);
for (const line of wrong) console.log(`WRONG ${line}`);
if (!bounded) console.log(`WRONG memory grew by more than ${RSS_LIMIT_BYTES / 2 ** 20} MiB`);
console.log(wrong.length === 0 && bounded ? 'no difference from the model' : `FAILED: repeat with --seed ${seed}`);
process.exitCode = wrong.length === 0 && bounded ? 0 : 1;
