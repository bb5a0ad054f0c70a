// The layer order of docs/architecture.md: an import may only point down.
const layers = [
  ['native'],
  ['memory', 'kvm'],
  ['ioregion', 'shm'],
  ['virtio'],
  ['vhost-user', 'vfio-user'],
  ['vmm', 'sim'],
  ['testing'],
  ['cli'],
];

const folder = (names) => `^src/(${names.join('|')})/`;
const faces = '^(bench|examples|guests)/';

const upward = layers.flatMap((names, level) => {
  const above = layers.slice(level + 1).flat();
  const forbidden = above.length === 0 ? [] : [{ path: folder(above) }];
  return [...forbidden.map((to) => ({ from: { path: folder(names) }, to }))];
});

module.exports = {
  forbidden: [
    ...upward.map(({ from, to }, index) => ({
      name: `layers-point-down-${index}`,
      comment: 'a lower layer never knows a higher one',
      severity: 'error',
      from,
      to,
    })),
    {
      name: 'no-faces-below',
      comment: 'only the command line may use the benchmarks, examples and guests',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: faces },
    },
    {
      name: 'one-importer-of-the-addon',
      comment: 'the .node file is loaded in one place',
      severity: 'error',
      from: { pathNot: '^src/native/binding\\.ts$' },
      to: { path: 'node_modules/node-gyp-build' },
    },
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js'], conditionNames: ['import', 'node'] },
  },
};
