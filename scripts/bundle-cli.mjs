// The `ioregion` program as a few CommonJS files instead of some sixty small modules: those, and Node's loader of modules
// itself, took longer to load than a probe takes. Beside what tsc made of src/cli, because paths to the package are
// relative; commands that start Workers stay modules.
import { readdirSync, rmSync } from 'node:fs';
import { rolldown } from 'rolldown';

const INTO = 'dist/src/cli';
for (const name of readdirSync(INTO)) if (name.startsWith('ioregion')) rmSync(`${INTO}/${name}`);

const OUTSIDE = [/^node:/, /\/(bench|region-server|run|open-module)\.js$/, /^node-gyp-build$/];

/** commander can run other programs as commands. Ours does not; Node's code for that is a tenth of a cold start. */
const unused = (id, importer) => id === 'node:child_process' && /\/commander\//.test(importer);
const NOTHING = '\0nothing';

const bundle = await rolldown({
  input: { ioregion: `${INTO}/main.js` },
  platform: 'node',
  external: (id, importer) => !unused(id, importer) && OUTSIDE.some((pattern) => pattern.test(id)),
  // No module does anything on being loaded but the first: what is not used of the others is left out.
  treeshake: { moduleSideEffects: false },
  plugins: [
    {
      name: 'unused',
      resolveId: (id, importer) => (unused(id, importer) ? { id: NOTHING } : null),
      load: (id) => (id === NOTHING ? 'export {}' : null),
    },
  ],
});
await bundle.write({
  dir: INTO,
  format: 'cjs',
  comments: { legal: true, annotation: false, jsdoc: false },
  entryFileNames: 'ioregion.cjs',
  chunkFileNames: 'ioregion-[name].cjs',
});
await bundle.close();
