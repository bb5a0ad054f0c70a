import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../support/temporary.js';

const PACKAGE = resolve(import.meta.dirname, '../../..');
const directory = temporaryDirectory();
const BUILT = new Date('2030-01-02');
const OLDER = new Date('2030-01-01');
const NEWER = new Date('2030-01-03');

let trees = 0;
let root: string;

/** A file of the tree under test, as old as `time`. */
function place(path: string, time: Date, text = ''): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  utimesSync(file, time, time);
}

/** A small package in which everything is built. */
beforeEach(() => {
  root = join(directory, `tree-${trees++}`);
  place(
    'package.json',
    OLDER,
    '{"name":"ioregion","dependencies":{"node-gyp-build":"*"},"devDependencies":{"some-tool":"*"}}',
  );
  mkdirSync(join(root, 'node_modules/some-tool'), { recursive: true });
  symlinkSync(join(PACKAGE, 'node_modules/node-gyp-build'), join(root, 'node_modules/node-gyp-build'));
  const sources = ['native/src/fd.c', 'binding.gyp', 'src/index.ts', 'tsconfig.json', 'scripts/bundle.mjs'];
  for (const source of sources) place(source, OLDER);
  const outputs = ['build/Release/ioregion.node', 'dist/src/index.js', 'dist/src/cli/ioregion.cjs'];
  for (const output of outputs) place(output, BUILT);
  cpSync(join(PACKAGE, 'scripts/ensure-built.mjs'), join(root, 'scripts/ensure-built.mjs'));
});

/** Runs the script with an npm that only notes what it is asked for. */
function ensureBuilt(npm = 'exit 0') {
  place('bin/npm', BUILT, `#!/bin/sh\necho "$@" >>"${root}/calls"\n${npm}\n`);
  spawnSync('chmod', ['+x', join(root, 'bin/npm')]);
  const env = { ...process.env, PATH: `${join(root, 'bin')}:${process.env.PATH}` };
  const run = spawnSync(process.execPath, ['scripts/ensure-built.mjs'], { cwd: root, env, encoding: 'utf8' });
  const calls = existsSync(join(root, 'calls')) ? readFileSync(join(root, 'calls'), 'utf8').trim().split('\n') : [];
  return { status: run.status, stdout: run.stdout, stderr: run.stderr, calls };
}

describe('ensure-built', () => {
  it('does and says nothing where everything is there', () => {
    expect(ensureBuilt()).toEqual({ status: 0, stdout: '', stderr: '', calls: [] });
  });

  it('installs where a dependency is missing', () => {
    place('package.json', OLDER, '{"name":"ioregion","dependencies":{"missing-thing":"*"}}');
    const { stdout, calls } = ensureBuilt();
    expect(calls).toEqual(['install --ignore-scripts']);
    expect(stdout).toBe('ioregion: installing dependencies (missing-thing is missing)\n');
  });

  it('builds the addon where a C source is newer', () => {
    place('native/src/fd.c', NEWER);
    const { stdout, calls } = ensureBuilt();
    expect(calls).toEqual(['exec -- node-gyp rebuild']);
    expect(stdout).toBe('ioregion: building the native addon (native/src/fd.c has changed)\n');
  });

  it('compiles where a TypeScript source is newer than its output', () => {
    place('src/index.ts', NEWER);
    expect(ensureBuilt().calls).toEqual(['run build:ts']);
  });

  it('compiles where the command line is to be bundled in another way', () => {
    place('scripts/bundle.mjs', NEWER);
    expect(ensureBuilt().calls).toEqual(['run build:ts']);
  });

  it('compiles where a source has never been compiled', () => {
    place('src/new.ts', OLDER);
    const { stdout, calls } = ensureBuilt();
    expect(calls).toEqual(['run build:ts']);
    expect(stdout).toBe('ioregion: compiling TypeScript (not built yet)\n');
  });

  it('shows what npm printed and ends with its status where npm fails, without going on', () => {
    place('native/src/fd.c', NEWER);
    place('src/index.ts', NEWER);
    const { status, stderr, calls } = ensureBuilt('echo on-stdout; echo on-stderr >&2; exit 7');
    expect({ status, stderr, calls }).toEqual({
      status: 7,
      stderr: 'on-stdout\non-stderr\n',
      calls: ['exec -- node-gyp rebuild'],
    });
  });
});
