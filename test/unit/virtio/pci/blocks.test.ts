/** What the register tables promise, checked on the blocks that are made from them. */
import { blockExpectations, RegisterBlock, type RegisterTable, unmetSteps } from 'ioregion/ioregion';
import { describe, expect, test } from 'vitest';
import { commonTable } from '#dist/src/virtio/pci/common-table.js';
import { configTable } from '#dist/src/virtio/pci/config-table.js';
import { pciIdentity } from '#dist/src/virtio/pci/identity.js';
import { isrTable } from '#dist/src/virtio/pci/isr-window.js';
import { functionLayout } from '#dist/src/virtio/pci/layout.js';
import { legacyTable } from '#dist/src/virtio/pci/legacy-table.js';
import { msixTable, pendingBitsTable } from '#dist/src/virtio/pci/msix-table.js';

const layout = functionLayout({ queues: 3, vectors: 4, configLength: 24, transitional: true });
const config = configTable({ identity: pciIdentity(1, true), layout, vectors: 4, hasPin: true });
const tables: RegisterTable[] = [commonTable, isrTable, legacyTable, msixTable(70), pendingBitsTable(70), config];

describe.each(tables)('the $name block', (table) => {
  const block = new RegisterBlock(table);
  test.each(blockExpectations(block))('$name', (expectation) => {
    expect(unmetSteps(block.createInert(), expectation)).toEqual([]);
  });
});
