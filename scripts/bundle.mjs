// The `ioregion` program, and what Workers and device processes begin with, as a few CommonJS files instead of some hundred
// small modules: those, and Node's loader of modules itself, took longer to load than all else that a start does. Each entry
// is beside what tsc made of it, in what tsc made of the sources.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, relative, resolve } from 'node:path';
import { rolldown } from 'rolldown';

const INTO = resolve('dist');
const CHUNKS = 'src/bundle';

/** Beside each, a bundle of its name. */
const ENTRIES = [
  'src/cli/run-machine',
  'src/kvm/vcpu/vcpu-worker',
  'src/ioregion/server/region-server-worker',
  'src/virtio/control/control-worker',
  'src/vhost-user/frontend/vhost-user-worker',
  'src/vmm/snapshot/remote-targets-worker',
];

/** Our own modules that Workers and device processes are told to load. Others are loaded as what they are. */
const LOADED = [
  ...['blk', 'console', 'net', 'rng'].map((name) => `src/virtio/devices/${name}/index`),
  'src/virtio/pci/function-module',
  'src/vmm/board/board-module',
  'src/ioregion/inline/bus-module',
];

/**
 * What each thread of a device loads with Node's loader, whoever wrote the device: one file instead of twenty, in place of what
 * tsc made of the module. The index it is made of then has its exports from there, so that a class is the same whoever imports
 * it: nobody imports another file of that folder, and errors stay outside.
 */
const DEVICE = 'src/ioregion/device';
const DEVICE_INDEX = 'src/ioregion/register-block/index';

/** Stays outside: a command that starts too rarely to be worth it, and what shares classes with modules of users. */
const OUTSIDE = /\bimport\('(\.[^']*\/(?:bench|open-module)\.js)'\)/g;

/** Has a bundle of its own: one file, where it would share a dozen with other commands. */
const OWN = /\bimport\('(\.[^']*\/run-machine)\.js'\)/g;

/** commander can run other programs as commands. Ours does not; Node's code for that is a tenth of a cold start. */
const unused = (id, importer) => id === 'node:child_process' && /\/commander\//.test(importer);
const NOTHING = '\0nothing';

/** The URL of a module is that of the file that tsc made of it, wherever its code is; what stays outside is named by it. */
function ownUrls(code, id) {
  if (!id.startsWith(INTO)) return null;
  const urlOf = (path) => `__urlOf(${JSON.stringify(relative(`${INTO}/${CHUNKS}`, path))})`;
  return code
    .replaceAll('import.meta.url', urlOf(id))
    .replaceAll(OWN, (_, path) => `__requireFile(${urlOf(resolve(dirname(id), `${path}.cjs`))})`)
    .replaceAll(OUTSIDE, (_, path) => `import(${urlOf(resolve(dirname(id), path))})`);
}

/** Files of the package that tsc made, from a file in the folder of the chunks or one of an entry. */
const urlOf = (folder) => `const __urlOf = (path) => new URL(path, ${baseOf(folder)}).href;
const __requireFile = async (url) => require(require('node:url').fileURLToPath(url));`;
const baseOf = (folder) => {
  const path = relative(resolve(INTO, folder), `${INTO}/${CHUNKS}`);
  return `new URL(${JSON.stringify(`${path === '' ? '.' : path}/`)}, require('node:url').pathToFileURL(__filename))`;
};

const loadersOf = (importer) =>
  LOADED.map((name) => {
    const path = JSON.stringify(relative(dirname(importer), `${INTO}/${name}.js`).replace(/^(?!\.)/, './'));
    return `[new URL(${path}, import.meta.url).href, () => import(${path})],`;
  });

const importModule = (importer) => `
const own = new Map([${loadersOf(importer).join('\n')}]);
export const importModule = async (url) => await (own.get(url) ?? (() => import(url)))();
`;

/** The same at each start, and some 400 terms put together by code that is cold then. */
const DSDT = 'src/vmm/acpi/dsdt.js';

/** @see dsdtTerms */
async function readyDsdt() {
  const { dsdtTerms } = await import(resolve(INTO, DSDT));
  const bytesOf = (hasSerial) => JSON.stringify(Buffer.from(dsdtTerms(hasSerial), 'latin1').toString('base64'));
  return `
const terms = (hasSerial) => hasSerial ? ${bytesOf(true)} : ${bytesOf(false)};
export const dsdtTerms = (hasSerial) => Buffer.from(terms(hasSerial), 'base64').toString('latin1');
`;
}

/** The thread of a machine's owner loads no device. */
const loadsNone = (module) => module === 'src/cli/run-machine';

const pluginFor = (module) => ({
  name: 'ioregion',
  resolveId: (id, importer) => (unused(id, importer) ? { id: NOTHING } : null),
  load(id) {
    if (id === NOTHING) return 'export {}';
    if (id.endsWith(DSDT)) return readyDsdt();
    return id.endsWith('/native/import-module.js') && !loadsNone(module) ? importModule(id) : null;
  },
  transform: ownUrls,
});

function clean() {
  for (const name of readdirSync(INTO, { recursive: true })) if (/\.cjs(\.map)?$/.test(name)) rmSync(`${INTO}/${name}`);
}

/** Each on its own: what an entry needs at once is in its own file then, and calls within it cross no border of modules. */
async function bundle(module, into) {
  const made = await rolldown({
    input: { [into]: `${INTO}/${module}.js` },
    // What the entry shares with what is loaded late stays in its file: each further file costs one to two ms.
    preserveEntrySignatures: 'allow-extension',
    platform: 'node',
    external: (id, importer) => /^node(:|-gyp-build$)/.test(id) && !unused(id, importer),
    // No module does anything on being loaded but the first: what is not used of the others is left out.
    treeshake: { moduleSideEffects: false },
    checks: { ineffectiveDynamicImport: false },
    plugins: [pluginFor(module)],
  });
  const { output } = await made.write({
    dir: INTO,
    format: 'cjs',
    comments: { legal: true, annotation: false, jsdoc: false },
    entryFileNames: '[name].cjs',
    chunkFileNames: `${CHUNKS}/${basename(into)}-[name].cjs`,
    intro: ({ fileName }) => urlOf(dirname(fileName)),
  });
  await made.close();
  if (module.startsWith('src/cli/')) for (const { fileName } of output) dropUnused(`${INTO}/${fileName}`);
}

/** Chunks that a file loads for nothing but the order in which modules begin, which ours do not depend on. */
function dropUnused(file) {
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^require\("\.[^"]*"\);\n/gm, ''));
}

const errorsOutside = {
  name: 'errors-outside',
  resolveId(id, importer) {
    if (!id.endsWith('/native/errors.js')) return null;
    return { id: relative(dirname(resolve(DEVICE)), resolve(dirname(importer), id)), external: true };
  },
};

/** From the sources: what tsc made of these modules is there only the first time. */
async function mergeDevice() {
  const made = await rolldown({
    input: `${DEVICE}.ts`,
    platform: 'node',
    makeAbsoluteExternalsRelative: false,
    plugins: [errorsOutside],
    resolve: { extensionAlias: { '.js': ['.ts'] } },
  });
  await made.write({ file: `${INTO}/${DEVICE}.js`, format: 'esm', sourcemap: true });
  await made.close();
  const path = relative(dirname(DEVICE_INDEX), `${DEVICE}.js`);
  writeFileSync(`${INTO}/${DEVICE_INDEX}.js`, `export * from '${path}';\n`);
}

clean();
await mergeDevice();
await bundle('src/cli/main', 'src/cli/ioregion');
for (const entry of ENTRIES) await bundle(entry, entry);
