/** Building guests, and the layout they share with TypeScript. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { libraryDirectory } from '#dist/guests/build.js';
import { type CompileTarget, compile } from '#dist/guests/compile.js';
import { buildGuest, GuestBuildError, GuestModeError, LAYOUT, loadGuest } from '#dist/guests/index.js';
import { runC } from '../../support/c-program.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ioregion-guests-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function program(body: string): CompileTarget {
  const source = join(directory, 'program.c');
  writeFileSync(source, body);
  return { output: join(directory, 'out', 'program'), sources: [source], includes: [], flags: [] };
}

const saying = (text: string) => program(`#include <stdio.h>\nint main(void) { puts("${text}"); return 0; }\n`);
const outputOf = (file: string) => execFileSync(file, { encoding: 'utf8' }).trim();

/** Moves a file's time of change into the past. */
function age(file: string): void {
  const time = new Date(Date.now() - 60_000);
  utimesSync(file, time, time);
}

it('the layout in TypeScript has every constant of the C header, with the same value', () => {
  const header = join(libraryDirectory, 'layout.h');
  const names = [...readFileSync(header, 'utf8').matchAll(/^#define (\w+) /gm)].map((match) => match[1]!);
  const lines = names.map((name) => `printf("${name} %ld\\n", (long)(${name}));`).join('\n');
  const printed = runC(`#include <stdio.h>\n#include "${header}"\nint main(void) {\n${lines}\nreturn 0;\n}\n`);
  const entries = [...printed.matchAll(/^(\w+) (\d+)$/gm)].map((match) => [match[1]!, Number(match[2])]);
  expect(Object.fromEntries(entries)).toEqual(LAYOUT);
});

describe('a build', () => {
  it('leaves alone what is newer than its sources', async () => {
    const target = saying('first');
    age(target.sources[0]!);
    const file = await compile(target);
    const { ino } = statSync(file);
    await compile(target);
    expect(statSync(file).ino).toBe(ino);
  });

  it('happens again when a source is newer', async () => {
    const file = await compile(saying('first'));
    age(file);
    await compile(saying('second'));
    expect(outputOf(file)).toBe('second');
  });

  it('may happen several times at once', async () => {
    const target = saying('together');
    const files = await Promise.all([1, 2, 3, 4].map(() => compile(target)));
    expect(files.map(outputOf)).toEqual(['together', 'together', 'together', 'together']);
    expect(readdirSync(join(directory, 'out'))).toEqual(['program']);
  });

  it('that fails says what the compiler said, and leaves nothing behind', async () => {
    const failure = await compile(program('int main(void) { return nothing; }\n')).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(GuestBuildError);
    expect(failure).toMatchObject({ code: 'ERR_IOREGION_GUEST_BUILD', message: expect.stringContaining('nothing') });
    expect(readdirSync(join(directory, 'out'))).toEqual([]);
  });
});

describe('a guest image', () => {
  it.each(['oplist', 'bench', 'stress', 'virtio'] as const)('of %s fits below its stacks', async (name) => {
    const guest = await loadGuest(name);
    expect(guest.entry).toBe(LAYOUT.GUEST_LOAD);
    expect(guest.bytes.length).toBeGreaterThan(100);
    expect(guest.entry + guest.bytes.length).toBeLessThanOrEqual(LAYOUT.GUEST_IMAGE_LIMIT);
  });

  it('is refused for a mode that the guest does not have', async () => {
    const failure = await buildGuest('bench', 'long').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(GuestModeError);
    expect(failure).toMatchObject({ code: 'ERR_IOREGION_GUEST_MODE' });
  });
});
