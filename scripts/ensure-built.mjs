// Runs before `npm start` and `npm test`: builds what a fresh clone lacks and what is older than its sources.
// Plain Node, no dependencies: it must work before anything is installed.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const inRoot = (...parts) => join(root, ...parts);
const require = createRequire(import.meta.url);

const steps = [
  { needed: dependencyMissing, what: 'installing dependencies', script: ['install', '--ignore-scripts'] },
  { needed: addonOutdated, what: 'building the native addon', script: ['exec', '--', 'node-gyp', 'rebuild'] },
  { needed: distOutdated, what: 'compiling TypeScript', script: ['run', 'build:ts'] },
];

for (const { needed, what, script } of steps) {
  const reason = needed();
  if (reason === null) continue;
  console.log(`ioregion: ${what} (${reason})`);
  npm(script);
}

/** Each check returns why its step is needed, or null. */
function dependencyMissing() {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(inRoot('package.json'), 'utf8'));
  const names = Object.keys({ ...dependencies, ...devDependencies });
  const missing = names.find((name) => !existsSync(inRoot('node_modules', name)));
  return missing === undefined ? null : `${missing} is missing`;
}

function addonOutdated() {
  const addon = addonPath();
  if (addon === null) return 'not built yet';
  const sources = [inRoot('binding.gyp'), ...filesUnder('native', ['.c', '.h'])];
  return reasonIfNewer(sources, modified(addon));
}

/** The addon that would be loaded: a local build, or the prebuilt one of this platform. */
function addonPath() {
  try {
    return require('node-gyp-build').resolve(root);
  } catch {
    return null;
  }
}

/** tsc writes every output at each run, so each must be at least as new as its source. */
function distOutdated() {
  const sources = ['src', 'bench', 'examples', 'guests', 'test/support'].flatMap((folder) =>
    filesUnder(folder, ['.ts']),
  );
  for (const source of sources) {
    const output = inRoot('dist', source.slice(root.length + 1).replace(/\.ts$/, '.js'));
    const reason = reasonIfNewer([source, inRoot('tsconfig.json')], modified(output));
    if (reason !== null) return reason;
  }
  return reasonIfNewer([inRoot('scripts', 'bundle.mjs')], modified(inRoot('dist/src/cli/ioregion.cjs')));
}

function reasonIfNewer(sources, built) {
  if (built === 0) return 'not built yet';
  const newer = sources.find((source) => modified(source) > built);
  return newer === undefined ? null : `${newer.slice(root.length + 1)} has changed`;
}

function filesUnder(folder, extensions) {
  if (!existsSync(inRoot(folder))) return [];
  return readdirSync(inRoot(folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && extensions.some((extension) => entry.name.endsWith(extension)))
    .filter((entry) => !entry.name.endsWith('.d.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Modification time in ms; 0 where there is no such file. */
function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Quiet unless npm fails: then this process ends with what npm printed and its exit status. */
function npm(args) {
  const { status, stdout } = spawnSync('sh', ['-c', 'exec npm "$@" 2>&1', 'npm', ...args], {
    cwd: root,
    maxBuffer: 2 ** 26,
  });
  if (status === 0) return;
  process.stderr.write(stdout);
  process.exit(status ?? 1);
}
