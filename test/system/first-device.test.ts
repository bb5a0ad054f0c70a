/** docs/first-device-in-qemu.md, followed to the letter: its files are written and its commands run as they are printed. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { PeerProcess } from '../support/peers/peer-process.js';
import { qemuGuests } from '../support/peers/qemu.js';
import { testFolder } from '../support/peers/test-folder.js';
import { until } from '../support/peers/until.js';
import { CLI_PROGRAM } from '../support/program.js';
import { program } from '../support/requirements.js';
import { testWhere } from './where.js';

const PAGE = readFileSync(fileURLToPath(new URL('../../../docs/first-device-in-qemu.md', import.meta.url)), 'utf8');
const LIMIT_MS = 180_000;

t.setTimeout(2 * LIMIT_MS);

/** The code of the page in the order it is printed, by language. */
function blocks(language: string): string[] {
  return [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, code]) => code!);
}

/** A reader's shell: commands go in, what they print comes out. */
function openShell(folder: string): PeerProcess {
  const shell = new PeerProcess('bash', [], { limitMs: LIMIT_MS, env: { PATH: `${folder}:${process.env.PATH}` } });
  shell.child.stdin!.write(`unset NODE_OPTIONS NODE_V8_COVERAGE; cd ${folder}\n`);
  return shell;
}

testWhere([...qemuGuests, program('cpio')], 'Your first device in QEMU in five minutes', async (test) => {
  const folder = testFolder(test);
  writeFileSync(join(folder, 'ioregion'), `#!/bin/sh\nexec ${process.execPath} ${CLI_PROGRAM} "$@"\n`, { mode: 0o755 });
  const [install, serve, guest, run, change] = blocks('sh');
  const [greeting, changed] = blocks('text').map((line) => line.trim());
  test.match(install, /^apt-get install/, 'the first command installs what CI has');
  writeFileSync(join(folder, 'greeter.ts'), blocks('ts')[0]!);
  const shell = openShell(folder);
  test.teardown(() => shell.kill());
  shell.child.stdin!.write(serve!);
  await until(() => shell.output.includes('ready at greeter.sock'));
  shell.child.stdin!.write(guest! + run!);
  await until(() => shell.output.includes(greeting!), LIMIT_MS);
  test.pass(`the guest says: ${greeting}`);
  shell.child.stdin!.write(change!);
  await until(() => shell.output.includes(changed!), LIMIT_MS);
  test.pass(`the guest says: ${changed}`);
  await until(() => shell.output.includes('the frontend has gone'), LIMIT_MS);
});
