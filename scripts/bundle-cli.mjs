// The `ioregion` program as a few files instead of some sixty small modules, whose loading took longer than a probe.
// Beside what tsc made of src/cli, because paths to the package are relative; commands that start Workers stay modules.
import { rolldown } from 'rolldown';

const bundle = await rolldown({
  input: { ioregion: 'dist/src/cli/main.js' },
  platform: 'node',
  external: [/^node:/, /\/(bench|region-server|run|open-module)\.js$/, 'node-gyp-build'],
});
await bundle.write({ dir: 'dist/src/cli', format: 'esm', chunkFileNames: 'ioregion-[name].js' });
await bundle.close();
