/**
 * The C addon, loaded; what it exports, function by function, is in `bindings/`. Only `src/native` imports this: every other
 * layer uses the typed face in `index.ts`. Every function throws a `TypeError`/`RangeError` for an argument of the wrong kind and an
 * `Error` with `code`, `errno` and `syscall` where the kernel refused (see `errors.ts` for the classes they become).
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type {
  DispatcherBinding,
  IoctlBinding,
  OrderGroupBinding,
  ServerBinding,
  VcpuBinding,
} from './bindings/dispatch.js';
import type { FileIoBinding, ImageFileBinding, IoVectorBinding } from './bindings/file-io.js';
import type {
  FdBinding,
  FdWatchBinding,
  MappingBinding,
  MappingLoadBinding,
  PtyBinding,
  SocketBinding,
  TapBinding,
  ThreadBinding,
} from './bindings/host.js';

export type * from './bindings/dispatch.js';
export type * from './bindings/file-io.js';
export type * from './bindings/host.js';
export type * from './bindings/objects.js';

/** An outcome of `access`, `resume` and `run`; the numbers are fixed by native/src/caller.h. */
export const AccessOutcome = {
  /** Answered (or posted); the value is in the access area. */
  done: 0,
  /** No region takes it: odd size, straddling, or nobody there. */
  unhandled: 1,
  /** Kicked while waiting; `resume` (or the next `run`) goes on with the same access. */
  interrupted: 2,
  /** The region's peer failed; details in the access area. `resolve` decides how the access ends. */
  failed: 3,
} as const;

export interface NativeBinding
  extends FdBinding,
    FdWatchBinding,
    IoctlBinding,
    MappingBinding,
    MappingLoadBinding,
    SocketBinding,
    ThreadBinding,
    DispatcherBinding,
    VcpuBinding,
    OrderGroupBinding,
    ServerBinding,
    FileIoBinding,
    ImageFileBinding,
    IoVectorBinding,
    TapBinding,
    PtyBinding {}

const packageRoot = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * The loaded addon, copied: V8 would look its own object up as a dictionary at each call. IOREGION_ADDON names another build
 * of it (the sanitizer run uses this).
 */
export const native: NativeBinding = { ...load() };

// Node joins its Workers when the process exits; one that waits in a system call for a guest or a device would keep it.
// The main thread: what node:worker_threads knows as well, and takes 10 ms of a cold start to load.
if (native.gettid() === process.pid) process.on('exit', () => native.stopAll());

/** What node-gyp-build would find first is looked for at once: its search is most of what each Worker waits for this module. */
function load(): NativeBinding {
  const override = process.env.IOREGION_ADDON;
  if (override !== undefined) {
    const module: { exports: NativeBinding } = { exports: {} as NativeBinding };
    process.dlopen(module, override);
    return module.exports;
  }
  const require = createRequire(import.meta.url);
  const built = `${packageRoot}build/Release/ioregion.node`;
  if (process.env.PREBUILDS_ONLY === undefined && existsSync(built)) return require(built) as NativeBinding;
  const loadAddon = require('node-gyp-build') as (root: string) => NativeBinding;
  return loadAddon(packageRoot);
}
