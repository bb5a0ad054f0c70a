/** Builds guest images and the C self-test of the guests into guests/build. */
import { join } from 'node:path';
import { type CompileTarget, compile, packageRoot, sourcesIn } from './compile.js';
import { LAYOUT } from './layout.js';
import { checkMode, type GuestMode, type GuestName, guestVariants } from './modes.js';

export const guestsDirectory = join(packageRoot, 'guests');
export const libraryDirectory = join(guestsDirectory, 'lib');
export const hostDirectory = join(guestsDirectory, 'host');
const virtioDirectory = join(guestsDirectory, 'virtio');
const buildDirectory = join(guestsDirectory, 'build');

/** For every C program here that runs on the host. */
export const HOST_FLAGS = ['-O2', '-std=gnu11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Wshadow', '-Werror', '-pthread'];

const freestandingFlags = (load: number, limit: number): string[] => [
  ...[
    '-O2',
    '-std=gnu11',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-ffreestanding',
    '-nostdlib',
    '-static',
    '-fno-pie',
    '-no-pie',
  ],
  // Nothing but the instructions that the source asks for: each costs an emulation on some hosts.
  ...['-fno-stack-protector', '-fno-asynchronous-unwind-tables', '-fcf-protection=none', '-fno-jump-tables'],
  // There is no memset or memcpy to call.
  '-fno-tree-loop-distribute-patterns',
  ...['-mgeneral-regs-only', '-mno-red-zone', '-Wl,--build-id=none', '-Wl,-z,noexecstack', '-Wl,--oformat=binary'],
  ...[`-Wl,--defsym=GUEST_LOAD=${load}`, `-Wl,--defsym=GUEST_IMAGE_LIMIT=${limit}`],
  ...['-T', join(libraryDirectory, 'guest.ld')],
];

/** Images differ by the size of code; user privilege is the host's choice. */
type Code = '16' | '32' | '64';
const CODE: Readonly<Record<GuestMode, Code>> = { real: '16', protected: '32', long: '64', 'long-user': '64' };
const CODE_FLAGS: Readonly<Record<Code, readonly string[]>> = {
  '16': ['-m16', '-mregparm=3', '-DGUEST_REAL'],
  '32': ['-m32', '-mregparm=3'],
  '64': ['-m64'],
};

/** `virtio` has a directory of its own. */
async function sourcesOf(name: GuestName): Promise<string[]> {
  if (name === 'bench') return [join(guestsDirectory, 'bench.S')];
  const own = name === 'virtio' ? await sourcesIn(virtioDirectory) : [join(guestsDirectory, `${name}.c`)];
  return [join(libraryDirectory, 'start.S'), ...own];
}

/** Builds an image where it is missing or older than its sources; returns its path. */
export async function buildGuest(name: GuestName, mode: GuestMode): Promise<string> {
  checkMode(name, mode);
  const code = CODE[mode];
  return compile({
    output: join(buildDirectory, `${name}-${code}.bin`),
    sources: await sourcesOf(name),
    includes: [libraryDirectory, ...(name === 'virtio' ? [virtioDirectory] : [])],
    flags: [...freestandingFlags(LAYOUT.GUEST_LOAD, LAYOUT.GUEST_IMAGE_LIMIT), ...CODE_FLAGS[code]],
  });
}

/** Builds guests/kernel: what makes a kernel of a guest. Returns its path. */
export async function buildKernelEntry(): Promise<string> {
  const [load, limit] = [LAYOUT.GUEST_KERNEL_LOAD, LAYOUT.GUEST_KERNEL_IMAGE];
  return compile({
    output: join(buildDirectory, 'kernel-entry.bin'),
    sources: [join(guestsDirectory, 'kernel', 'entry.S')],
    includes: [libraryDirectory],
    flags: [...freestandingFlags(load, limit), ...CODE_FLAGS['64']],
  });
}

/** Brings every image and the self-test up to date, for a machine that has no compiler. */
export async function buildAll(): Promise<void> {
  await Promise.all([
    ...guestVariants().map(({ name, mode }) => buildGuest(name, mode)),
    buildSelftest(),
    buildKernelEntry(),
  ]);
}

/** Builds guests/host: the program that boots each guest and checks its exits. Returns its path. */
export async function buildSelftest(): Promise<string> {
  const target: CompileTarget = {
    output: join(buildDirectory, 'selftest'),
    sources: await sourcesIn(hostDirectory),
    includes: [libraryDirectory, hostDirectory],
    flags: HOST_FLAGS,
  };
  return compile(target);
}
