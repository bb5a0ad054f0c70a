/** Where the windows of a function lie in its BARs. */
import { LegacyCfg, MAX_QUEUES } from '../spec/index.js';
import { MAX_MSIX_VECTORS, MsixEntry } from '../spec/pci-msix.js';
import { COMMON_WINDOW_SIZE } from './common-table.js';
import { PciFunctionError } from './errors.js';

const PAGE = 4096;
/** Bytes of a queue's doorbell (4.1.4.4). */
export const NOTIFY_MULTIPLIER = 4;
/** The largest I/O BAR (PCI 3.0, 6.2.5.1). */
const MAX_IO_BAR = 256;
const MAX_QUEUE_COUNT = MAX_QUEUES - 1;

export interface Bar {
  /** Number of its first register. */
  readonly index: number;
  readonly space: 'mmio' | 'pio';
  /** In bytes, a power of two. */
  readonly size: number;
  /** Takes the next register too. */
  readonly wide: boolean;
}

export interface WindowPlace {
  readonly bar: number;
  /** In bytes, from the start of the BAR. */
  readonly offset: number;
  readonly size: number;
}

export interface FunctionLayout {
  readonly bars: readonly Bar[];
  readonly common: WindowPlace;
  readonly isr: WindowPlace;
  /** null for a device without configuration space. */
  readonly device: WindowPlace | null;
  readonly notify: WindowPlace;
  /** Both null without MSI-X. */
  readonly msixTable: WindowPlace | null;
  readonly pendingBits: WindowPlace | null;
  /** The legacy I/O BAR of a transitional device. */
  readonly legacy: WindowPlace | null;
}

export interface LayoutOptions {
  readonly queues: number;
  readonly vectors: number;
  /** Bytes of device configuration space. */
  readonly configLength: number;
  readonly transitional: boolean;
}

const LEGACY_BAR = 0;
const MSIX_BAR = 1;
const MODERN_BAR = 4;

/**
 * Every window of the modern BAR has pages of its own, so that doorbells can be a region of their own.
 * @throws PciFunctionError where the device needs more than there is
 */
export function functionLayout(options: LayoutOptions): FunctionLayout {
  const { queues, vectors, configLength } = options;
  if (vectors > MAX_MSIX_VECTORS) throw new PciFunctionError(`${vectors} vectors: MSI-X has ${MAX_MSIX_VECTORS}`);
  if (queues > MAX_QUEUE_COUNT) throw new PciFunctionError(`${queues} queues: at most ${MAX_QUEUE_COUNT}`);
  const common = { bar: MODERN_BAR, offset: 0, size: COMMON_WINDOW_SIZE };
  const isr = { bar: MODERN_BAR, offset: pageAfter(common), size: 1 };
  const config = { bar: MODERN_BAR, offset: pageAfter(isr), size: configLength };
  const notify = { bar: MODERN_BAR, offset: pageAfter(config), size: Math.max(queues, 1) * NOTIFY_MULTIPLIER };
  const modern: Bar = { index: MODERN_BAR, space: 'mmio', size: powerOfTwo(pageAfter(notify)), wide: true };
  const legacy = options.transitional ? legacyWindow(configLength) : null;
  const msix = vectors === 0 ? null : msixWindows(vectors);
  return {
    bars: [...(legacy ? [legacyBar(legacy)] : []), ...(msix ? [msixBar(msix.pendingBits)] : []), modern],
    common,
    isr,
    device: configLength === 0 ? null : config,
    notify,
    msixTable: msix?.msixTable ?? null,
    pendingBits: msix?.pendingBits ?? null,
    legacy,
  };
}

function msixWindows(vectors: number): { readonly msixTable: WindowPlace; readonly pendingBits: WindowPlace } {
  const msixTable = { bar: MSIX_BAR, offset: 0, size: vectors * MsixEntry.size };
  const quadWords = Math.ceil(vectors / 64);
  return { msixTable, pendingBits: { bar: MSIX_BAR, offset: pageAfter(msixTable), size: 8 * quadWords } };
}

function msixBar(pendingBits: WindowPlace): Bar {
  return { index: MSIX_BAR, space: 'mmio', size: powerOfTwo(pageAfter(pendingBits)), wide: false };
}

/** Long enough for the shift that enabling MSI-X causes; configuration beyond the largest BAR is out of a legacy driver's reach. */
function legacyWindow(configLength: number): WindowPlace {
  const size = Math.min(powerOfTwo(LegacyCfg.sizeWithMsix + configLength), MAX_IO_BAR);
  return { bar: LEGACY_BAR, offset: 0, size };
}

function legacyBar({ size }: WindowPlace): Bar {
  return { index: LEGACY_BAR, space: 'pio', size, wide: false };
}

/** The first page boundary after a window, which has at least one byte for this purpose. */
function pageAfter({ offset, size }: WindowPlace): number {
  return Math.ceil((offset + Math.max(size, 1)) / PAGE) * PAGE;
}

function powerOfTwo(size: number): number {
  return 2 ** Math.ceil(Math.log2(size));
}
