// Runs the tests of the addon's face and of guest memory under other maintained Node versions: the `node` package on npm carries their binaries.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const versions = process.argv.length > 2 ? process.argv.slice(2) : ['22', '24'];

/** Installs one version into a folder of its own and returns the folder of its binary. */
function install(version) {
  const folder = join(process.env.IOREGION_NODE_CACHE ?? mkdtempSync(join(tmpdir(), 'ioregion-node-')), version);
  const bin = join(folder, 'node_modules', 'node', 'bin');
  if (existsSync(join(bin, 'node'))) return bin;
  const { status } = spawnSync('npm', ['install', '--no-save', '--prefix', folder, `node@${version}`], {
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`npm could not install node@${version}`);
  return bin;
}

let failed = 0;
for (const version of versions) {
  const bin = install(version);
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
  const node = join(bin, 'node');
  console.log(`-- Node ${spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()}`);
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const { status } = spawnSync(node, [vitest, 'run', '--project', 'unit', 'test/unit/native', 'test/unit/memory'], {
    cwd: root,
    stdio: 'inherit',
    env,
  });
  if (status !== 0) failed += 1;
}
process.exit(failed === 0 ? 0 : 1);
