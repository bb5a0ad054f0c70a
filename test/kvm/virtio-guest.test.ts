/**
 * A freestanding guest with a virtio-pci driver of its own (guests/virtio): it finds the block device on the PCI bus, places
 * its BARs, negotiates, writes, flushes and reads blocks, and sleeps until interrupts wake it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LAYOUT, type VirtioResult, virtioPattern } from '#dist/guests/index.js';
import { Feature, VIRTIO_PCI_VENDOR } from '#dist/src/virtio/spec/index.js';
import { runVirtioGuest, type VirtioGuestOptions } from '#dist/test/support/virtio-guest/machine.js';
import { PATIENCE } from '../support/patience.js';
import { describeWhere, kvmDevice } from '../support/require.js';
import { temporaryDirectory } from '../support/temporary.js';

const DISK_BYTES = 1 << 20;
const REQUESTS = 20;
const SEED = 7;
const QUEUES = 2;
/** A guest that waits for an interrupt that never comes is kicked out. */
const LIMIT_MS = 20_000 * PATIENCE;
const MODERN_BLOCK = 0x1042;
const TRANSITIONAL_BLOCK = 0x1001;
const FLUSH = 1n << 9n;
const { version1, ringPacked } = Feature;

const directory = temporaryDirectory();

type Case = Pick<VirtioGuestOptions, 'placement' | 'driver' | 'interrupts'>;

/** Runs the guest to its success, and sees that the disk holds what it wrote. */
async function run(one: Case): Promise<VirtioResult> {
  const path = join(directory, `${one.placement}-${one.driver}.img`);
  writeFileSync(path, Buffer.alloc(DISK_BYTES));
  const options = { ...one, path, queues: QUEUES, requests: REQUESTS, seed: SEED, limitMs: LIMIT_MS };
  const { result, exit, status } = await runVirtioGuest(options);
  expect({ result, exit, status }).toMatchObject({ status: LAYOUT.GUEST_STATUS_OK, result: { step: 'end' } });
  expect(result).toMatchObject({ written: REQUESTS, read: REQUESTS, mismatches: 0, capacity: DISK_BYTES / 512 });
  const written = Array.from({ length: REQUESTS }, (_, request) => virtioPattern(SEED, request));
  const disk = readFileSync(path);
  expect(disk.subarray(0, REQUESTS * LAYOUT.VIRTIO_REQUEST_BYTES).equals(Buffer.concat(written))).toBe(true);
  expect(disk.subarray(REQUESTS * LAYOUT.VIRTIO_REQUEST_BYTES).every((byte) => byte === 0)).toBe(true);
  return result;
}

/** Every batch of requests, of which a queue has at most three, ends with an interrupt, and the flush too. */
function expectInterruptsOfQueues({ interrupts }: VirtioResult): void {
  expect(interrupts).toMatchObject({ config: 0, pin: 0 });
  for (const count of interrupts.queues) expect(count).toBeGreaterThan(0);
}

const PLACEMENTS = [
  ["on the vCPU's own thread", 'inline'],
  ["on a region server's thread", 'thread'],
  ['in another process', 'process'],
] as const;

describeWhere([kvmDevice], 'a guest with its own driver uses a block device', () => {
  describe.each(PLACEMENTS)('whose registers are %s', (_name, placement) => {
    it.each(['split', 'packed'] as const)('by %s rings, kicks by ioeventfd and MSI-X by irqfd', async (driver) => {
      const result = await run({ placement, driver });
      expect(result).toMatchObject({ vendor: VIRTIO_PCI_VENDOR, device: MODERN_BLOCK });
      expect(result.bars.map(({ bar }) => bar)).toEqual([1, 4]);
      expect(result.features).toBe(version1 | FLUSH | (driver === 'packed' ? ringPacked : 0n));
      expectInterruptsOfQueues(result);
    });

    it('by the legacy ports of a transitional device, and INTA#', async () => {
      const result = await run({ placement, driver: 'legacy' });
      expect(result).toMatchObject({ vendor: VIRTIO_PCI_VENDOR, device: TRANSITIONAL_BLOCK, features: FLUSH });
      expect(result.bars.map(({ bar }) => bar)).toEqual([0, 1, 4]);
      expect(result.interrupts).toMatchObject({ config: 0, queues: [0, 0] });
      expect(result.interrupts.pin).toBeGreaterThan(0);
    });
  });

  it('by split rings and INTA# of a modern device', async () => {
    const { features, interrupts } = await run({ placement: 'inline', driver: 'split', interrupts: 'pin' });
    expect(features).toBe(version1 | FLUSH);
    expect(interrupts).toMatchObject({ config: 0, queues: [0, 0] });
    expect(interrupts.pin).toBeGreaterThan(0);
  });
});
