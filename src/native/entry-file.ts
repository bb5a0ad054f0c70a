/** The files in which threads and processes begin. */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';

/**
 * Of an entry module (`x-worker.js`), its bundle beside it (`x-worker.cjs`, by scripts/bundle.mjs) where that is built: one file
 * as CommonJS loads in a fraction of the time that Node's loader of modules takes for a hundred of them.
 */
export function entryFile(module: URL, bundleName: string = basename(module.pathname).replace(/\.js$/, '.cjs')): URL {
  const bundle = new URL(bundleName, module);
  return existsSync(bundle) ? bundle : module;
}

/**
 * For Workers: each file has an owner that closes it. Node would close those that came from node:fs once more when the thread ends, by
 * their numbers, which may be those of other files by then.
 */
export const OWNED_FDS = { trackUnmanagedFds: false } as const;

/**
 * For Workers that allocate little. With V8's own choice of a young generation, MiB, each keeps some MiB more from loading its
 * modules.
 */
export const SMALL_HEAP = { resourceLimits: { maxYoungGenerationSizeMb: 3 } } as const;
