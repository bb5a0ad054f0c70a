/** The virtio guest: what it is asked to do, what it answers, and what it writes to the disk. */
import { descriptorTables } from '../src/kvm/index.js';
import { enterGuest, installGuest } from './boot.js';
import { guestKernel } from './kernel.js';
import { LAYOUT } from './layout.js';
import { loadGuest } from './load.js';

export interface VirtioParameters {
  /** `legacy` drives the I/O BAR of a transitional device, whose rings are split ones. */
  readonly driver: 'split' | 'packed' | 'legacy';
  /** Default `msix`, which the legacy driver does not have. */
  readonly interrupts?: 'msix' | 'pin';
  /** It waits by reading the device's ISR status again and again, with interrupts off. Default false: asleep. */
  readonly polls?: boolean;
  /** Where BARs may go: gpa and port, multiples of the largest BAR. */
  readonly memoryWindow: number;
  readonly portWindow: number;
  /** A power of two, at most VIRTIO_MAX_QUEUES. */
  readonly queues: number;
  /** Of VIRTIO_REQUEST_BYTES; each is written once and read once. */
  readonly requests: number;
  readonly seed: number;
  /** The pin of the I/O APIC that INTA# is wired to. */
  readonly pin?: number;
}

export interface VirtioBar {
  readonly bar: number;
  /** gpa or port that the guest has chosen. */
  readonly address: number;
  readonly size: number;
}

export interface VirtioResult {
  /** How far the guest got: a name of VIRTIO_STEP. */
  readonly step: string;
  /** Device and function number, as in the address register: `device << 3 | function`. */
  readonly function: number;
  readonly vendor: number;
  readonly device: number;
  /** Accepted. */
  readonly features: bigint;
  /** Sectors of 512 bytes. */
  readonly capacity: number;
  readonly written: number;
  readonly read: number;
  readonly mismatches: number;
  readonly interrupts: { readonly config: number; readonly queues: readonly number[]; readonly pin: number };
  readonly bars: readonly VirtioBar[];
}

/** Guest memory that the guest needs, from address 0. */
export const VIRTIO_GUEST_BYTES = 1 << 20;
const PARAMETERS = LAYOUT.GUEST_FREE;
const BAR_COUNT = 6;

/** Puts the guest and its parameters into memory that starts at address 0. */
export async function installVirtioGuest(memory: Uint8Array, parameters: VirtioParameters): Promise<void> {
  installGuest(memory, await loadGuest('virtio'));
  memory.set(descriptorTables(LAYOUT.VIRTIO_DESCRIPTOR_TABLES, 64, 0), LAYOUT.VIRTIO_DESCRIPTOR_TABLES);
  writeVirtioParameters(memory, parameters);
}

/** The guest as a kernel file, for a machine that boots those. */
export function virtioKernel(parameters: VirtioParameters): Promise<Uint8Array> {
  const prepare = (memory: Uint8Array): void => writeVirtioParameters(memory, parameters);
  return guestKernel({ name: 'virtio', mode: 'long', prepare, parameters: PARAMETERS });
}

function writeVirtioParameters(memory: Uint8Array, parameters: VirtioParameters): void {
  const view = blockOf(memory);
  const values: readonly (readonly [number, number])[] = [
    [LAYOUT.VIRTIO_FLAGS, flagsOf(parameters)],
    [LAYOUT.VIRTIO_MEMORY_WINDOW, parameters.memoryWindow],
    [LAYOUT.VIRTIO_PORT_WINDOW, parameters.portWindow],
    [LAYOUT.VIRTIO_QUEUES, parameters.queues],
    [LAYOUT.VIRTIO_REQUESTS, parameters.requests],
    [LAYOUT.VIRTIO_SEED, parameters.seed],
    [LAYOUT.VIRTIO_PIN, parameters.pin ?? 0],
  ];
  for (const [offset, value] of values) view.setUint32(offset, value, true);
}

/** Sets the registers of a vCPU that has its CPUID. */
export function enterVirtioGuest(vcpu: Parameters<typeof enterGuest>[0]): void {
  enterGuest(vcpu, { mode: 'long', parameters: PARAMETERS, descriptorTables: LAYOUT.VIRTIO_DESCRIPTOR_TABLES });
}

export function readVirtioResult(memory: Uint8Array): VirtioResult {
  const view = blockOf(memory);
  const at = (offset: number) => view.getUint32(offset, true);
  const interrupt = (kind: number) => at(LAYOUT.VIRTIO_INTERRUPT_COUNTS + 4 * kind);
  return {
    step: stepName(at(LAYOUT.VIRTIO_STEP)),
    function: at(LAYOUT.VIRTIO_FUNCTION),
    vendor: at(LAYOUT.VIRTIO_ID) & 0xffff,
    device: at(LAYOUT.VIRTIO_ID) >>> 16,
    features: BigInt(at(LAYOUT.VIRTIO_FEATURES)) | (BigInt(at(LAYOUT.VIRTIO_FEATURES + 4)) << 32n),
    capacity: at(LAYOUT.VIRTIO_CAPACITY),
    written: at(LAYOUT.VIRTIO_WRITTEN),
    read: at(LAYOUT.VIRTIO_READ),
    mismatches: at(LAYOUT.VIRTIO_MISMATCHES),
    interrupts: { config: interrupt(0), queues: [interrupt(1), interrupt(2)], pin: interrupt(3) },
    bars: readBars(at),
  };
}

/** What the n-th request writes, at byte `n * VIRTIO_REQUEST_BYTES` of the disk. */
export function virtioPattern(seed: number, request: number): Uint8Array {
  const sector = (request * LAYOUT.VIRTIO_REQUEST_BYTES) / 512;
  const start = Math.imul(seed + sector, 0x9e3779b1);
  const words = new Uint32Array(LAYOUT.VIRTIO_REQUEST_BYTES / 4);
  return new Uint8Array(words.map((_, word) => start + Math.imul(word, 0x85ebca6b)).buffer);
}

function readBars(at: (offset: number) => number): VirtioBar[] {
  return Array.from({ length: BAR_COUNT }, (_, bar) => ({
    bar,
    address: at(LAYOUT.VIRTIO_BARS + 4 * bar),
    size: at(LAYOUT.VIRTIO_BAR_SIZES + 4 * bar),
  })).filter(({ size }) => size > 0);
}

function flagsOf({ driver, interrupts = 'msix', polls = false }: VirtioParameters): number {
  const waiting = polls ? LAYOUT.VIRTIO_FLAG_POLL : 0;
  if (driver === 'legacy') return waiting | LAYOUT.VIRTIO_FLAG_LEGACY | LAYOUT.VIRTIO_FLAG_PIN;
  const ring = driver === 'packed' ? LAYOUT.VIRTIO_FLAG_PACKED : 0;
  return waiting | ring | (interrupts === 'pin' ? LAYOUT.VIRTIO_FLAG_PIN : 0);
}

function stepName(step: number): string {
  const steps = Object.entries(LAYOUT).filter(([name]) => name.startsWith('VIRTIO_STEP_'));
  return (
    steps
      .find(([, number]) => number === step)?.[0]
      .slice('VIRTIO_STEP_'.length)
      .toLowerCase() ?? 'none'
  );
}

function blockOf(memory: Uint8Array): DataView {
  return new DataView(memory.buffer, memory.byteOffset + PARAMETERS, LAYOUT.VIRTIO_SIZE);
}
