import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const dist = (path: string) => fileURLToPath(new URL(`./dist/${path}`, import.meta.url));

// Tests import the built package by its public names, as a user would: Workers need real JavaScript files anyway.
const alias = [
  { find: /^ioregion$/, replacement: dist('src/index.js') },
  {
    find: /^ioregion\/(native|memory|kvm|ioregion|virtio|vhost-user|vmm|testing)$/,
    replacement: dist('src/$1/index.js'),
  },
  { find: /^ioregion\/device$/, replacement: dist('src/ioregion/device.js') },
  { find: /^#dist\/(.*)$/, replacement: dist('$1') },
];
const shared = { pool: 'forks' as const, server: { deps: { external: [/\/dist\//] } } };

export default defineConfig({
  test: {
    projects: [
      {
        resolve: { alias },
        test: { ...shared, name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 60_000 },
      },
      {
        resolve: { alias },
        test: {
          ...shared,
          name: 'kvm',
          include: ['test/kvm/**/*.test.ts'],
          testTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
