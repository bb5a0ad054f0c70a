/** What a newcomer copies works as printed: the README's device and the examples. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { PATIENCE } from '../support/patience.js';
import { kvmDevice } from '../support/requirements.js';
import { testWhere } from './where.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const LIMIT_MS = 30_000 * PATIENCE;
const run = promisify(execFile);

async function output(file: string): Promise<string> {
  const { stdout } = await run(process.execPath, [file], { cwd: ROOT, timeout: LIMIT_MS });
  return stdout;
}

function readmeDevice(): string {
  const code = /```js\n(.*?)```/s.exec(readFileSync(`${ROOT}README.md`, 'utf8'))?.[1];
  if (code === undefined) throw new Error('the README has no JavaScript');
  return code;
}

testWhere([], "the README's device works when pasted, in at most 30 lines", async (test) => {
  const code = readmeDevice();
  const file = `${ROOT}readme-device-${process.pid}.mjs`;
  writeFileSync(file, code);
  test.teardown(() => rmSync(file));
  test.ok(code.trimEnd().split('\n').length <= 30);
  test.equal(await output(file), 'COUNT = 3\n');
});

testWhere([kvmDevice], 'examples/kvm-guest: a KVM guest uses a device on another thread', async (test) => {
  test.match(await output(`${ROOT}dist/examples/kvm-guest.js`), /^the guest read COUNT = 2 at 0xd0000004$/m);
});

testWhere(
  [kvmDevice],
  'examples/other-process: a killed device process is replaced, and the guest goes on',
  async (test) => {
    const lines = (await output(`${ROOT}dist/examples/other-process.js`)).trimEnd().split('\n');
    test.match(lines, [
      /^run 1: COUNT = 1 in process \d+$/,
      /^run 2: COUNT = 2 in process \d+$/,
      /^ERR_IOREGION_PEER_CLOSED: .*4-byte mmio write at 0xd0000008$/,
      /^run 3: COUNT = 1 in process \d+$/,
    ]);
  },
);

void t.test('every example is shorter than 60 lines', async (test) => {
  for (const name of readdirSync(`${ROOT}examples`).filter((file) => file.endsWith('.ts'))) {
    test.ok(readFileSync(`${ROOT}examples/${name}`, 'utf8').trimEnd().split('\n').length < 60, name);
  }
});
