/**
 * Hooks of module loading, run by Node on a thread of its own: TypeScript, `ioregion/…` from wherever the module lies, and
 * loading anew.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { InitializeHook, LoadHook, ResolveHook } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { MessagePort } from 'node:worker_threads';
import { LOAD_PARAMETER } from './load-parameter.js';
import { toJavaScript } from './strip-types.js';

const OWN_PACKAGE = /^ioregion(\/|$)/;
const TYPESCRIPT = /\.m?ts$/;
let sources: MessagePort | undefined;

export const initialize: InitializeHook<MessagePort> = (port) => {
  sources = port;
};

function isRelative(specifier: string): boolean {
  return specifier.startsWith('./') || specifier.startsWith('../');
}

/** `./x.js` names `./x.ts` where only that is there, as TypeScript has it. */
function sourceOf(url: URL): URL {
  if (!url.pathname.endsWith('.js') || existsSync(url)) return url;
  const typescript = new URL(url);
  typescript.pathname = url.pathname.replace(/\.js$/, '.ts');
  return existsSync(typescript) ? typescript : url;
}

export const resolve: ResolveHook = async (specifier, context, nextResolve) => {
  // The device runs inside this program: it gets this program's package, whatever is installed beside it.
  if (OWN_PACKAGE.test(specifier)) return await nextResolve(specifier, { ...context, parentURL: import.meta.url });
  const load = context.parentURL === undefined ? null : new URL(context.parentURL).searchParams.get(LOAD_PARAMETER);
  if (!isRelative(specifier) || context.parentURL === undefined) return await nextResolve(specifier, context);
  const url = sourceOf(new URL(specifier, context.parentURL));
  if (load !== null) url.searchParams.set(LOAD_PARAMETER, load);
  return await nextResolve(url.href, context);
};

export const load: LoadHook = async (url, context, nextLoad) => {
  if (!url.startsWith('file:') || url.includes('/node_modules/')) return await nextLoad(url, context);
  const { pathname } = new URL(url);
  sources?.postMessage(url);
  if (!TYPESCRIPT.test(pathname)) return await nextLoad(url, context);
  const file = fileURLToPath(url);
  const source = await toJavaScript(await readFile(file, 'utf8'), file);
  return { format: 'module', source, shortCircuit: true };
};
