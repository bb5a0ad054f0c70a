import { toMarkdown } from 'ioregion/ioregion';
import { expect, test } from 'vitest';
import { commonTable } from '#dist/src/virtio/pci/common-table.js';
import { configTable } from '#dist/src/virtio/pci/config-table.js';
import { pciIdentity } from '#dist/src/virtio/pci/identity.js';
import { isrTable } from '#dist/src/virtio/pci/isr-window.js';
import { functionLayout } from '#dist/src/virtio/pci/layout.js';
import { legacyTable } from '#dist/src/virtio/pci/legacy-table.js';
import { msixTable, pendingBitsTable } from '#dist/src/virtio/pci/msix-table.js';
import { DeviceType } from '#dist/src/virtio/spec/index.js';

const HEAD = `# Registers of a virtio PCI function

Made from the register tables by \`test/unit/virtio/pci/registers-document.test.ts\` (run it with \`vitest -u\` to bring this file
up to date). The example is a transitional network device with 3 queues, 4 vectors and 12 bytes of configuration.
`;

test('REGISTERS.md says what the tables say', async () => {
  const layout = functionLayout({ queues: 3, vectors: 4, configLength: 12, transitional: true });
  const identity = pciIdentity(DeviceType.network, true);
  const config = configTable({ identity, layout, vectors: 4, hasPin: true });
  const tables = [config, commonTable, isrTable, msixTable(4), pendingBitsTable(4), legacyTable];
  const text = [HEAD, ...tables.map((table) => toMarkdown({ table }))].join('\n');
  await expect(text).toMatchFileSnapshot('../../../../src/virtio/pci/REGISTERS.md');
});
