/** A process whose threads are blocked in native code ends when it is told to, with the status it is told. */
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { PATIENCE } from '../support/patience.js';
import { NodeProcess } from '../support/processes.js';
import { kvmDevice } from '../support/requirements.js';
import { testWhere } from './where.js';

const PROGRAM = fileURLToPath(new URL('../stress/blocked-threads.js', import.meta.url));
const PROMPT_MS = 1_000 * PATIENCE;
/** Without the runner of tap, as on the nested machine, the limit is tap's own: 30 s. */
t.setTimeout(20_000 * PATIENCE);

const ENDINGS = [
  { how: 'exit', name: 'calls process.exit', code: 7, stderr: /^$/ },
  { how: 'throw', name: 'throws', code: 1, stderr: /thrown with threads blocked/ },
  { how: 'reject', name: 'leaves a rejection unhandled', code: 1, stderr: /rejected with threads blocked/ },
  { how: 'end', name: 'reaches its end, its threads unreferenced', code: 0, stderr: /^$/ },
] as const;

async function run(test: Test, which: readonly string[]): Promise<void> {
  for (const { how, name, code, stderr } of ENDINGS) {
    await test.test(`a program that ${name}`, async (subtest) => {
      const process = new NodeProcess(PROGRAM, [how, ...which]);
      await process.printed('blocked');
      const started = performance.now();
      const exit = await process.exited;
      const ms = performance.now() - started;
      subtest.same([exit.code, exit.signal], [code, null], 'has the right status');
      subtest.match(exit.stderr, stderr, 'says what it must');
      subtest.ok(ms < PROMPT_MS, `ends promptly (${ms.toFixed(0)} ms)`);
    });
  }
  await test.test('a program that gets SIGTERM', async (subtest) => {
    const process = new NodeProcess(PROGRAM, ['wait', ...which]);
    await process.printed('blocked');
    const { code, signal, stderr } = await process.kill('SIGTERM');
    subtest.same([code, signal, stderr], [null, 'SIGTERM', ''], 'ends as any other does');
  });
}

testWhere([], 'a region server and a loopback caller blocked', (test) => run(test, []));
testWhere([kvmDevice], 'a vCPU blocked too', (test) => run(test, ['kvm']));
