/** The CPUID leaves of one vCPU: what KVM can offer, with the numbers that differ from vCPU to vCPU. */
import type { CpuidEntry } from '../../kvm/index.js';

export interface CpuTopology {
  /** Number of this vCPU, which is its APIC ID. */
  readonly index: number;
  /** vCPUs of the machine: cores of one socket, one thread each. */
  readonly count: number;
}

export interface CpuidOptions extends CpuTopology {
  /** The in-kernel local APIC has a TSC deadline mode (KVM_CAP_TSC_DEADLINE_TIMER). */
  readonly tscDeadline: boolean;
}

const Leaf1Ecx = { tscDeadline: 1 << 24, hypervisor: 1 << 31 } as const;
const HTT = 1 << 28;
const SMT_LEVEL = 1;
const CORE_LEVEL = 2;
/** The leaf's index is part of what identifies it (KVM_CPUID_FLAG_SIGNIFCANT_INDEX). */
const INDEXED = 1;

type Patch = (entry: CpuidEntry, options: CpuidOptions) => Partial<CpuidEntry>;

/** By leaf: what replaces KVM's answer. Leaves that are not here stay as they are. */
const PATCHES: ReadonlyMap<number, Patch> = new Map<number, Patch>([
  [0x1, basicFeatures],
  [0x4, cacheSharing],
  [0x8000_0008, ({ ecx }, { count }) => ({ ecx: setBits(ecx, 0, 16, (bitsFor(count) << 12) | (count - 1)) })],
  [0x8000_001d, ({ eax }, { count }) => ({ eax: setBits(eax, 14, 12, levelOf(eax) === 3 ? count - 1 : 0) })],
  [0x8000_001e, (_, { index }) => ({ eax: index, ebx: index, ecx: 0 })],
]);
/** Topology in other words than leaf 0xb; guests do without. */
const DROPPED: ReadonlySet<number> = new Set([0xb, 0x1f]);

/** For `VcpuState.setCpuid`. */
export function vcpuCpuid(supported: readonly CpuidEntry[], options: CpuidOptions): CpuidEntry[] {
  const kept = supported.filter((entry) => !DROPPED.has(entry.function));
  const patched = kept.map((entry) => ({ ...entry, ...PATCHES.get(entry.function)?.(entry, options) }));
  const maximum = supported.find((entry) => entry.function === 0)?.eax ?? 0;
  return maximum < 0xb ? patched : [...patched, ...topologyLeaves(options)];
}

function basicFeatures({ ebx, ecx, edx }: CpuidEntry, { index, count, tscDeadline }: CpuidOptions) {
  const deadline = tscDeadline ? Leaf1Ecx.tscDeadline : 0;
  return {
    ebx: setBits(setBits(ebx, 24, 8, index), 16, 8, count),
    ecx: ((ecx & ~Leaf1Ecx.tscDeadline) | deadline | Leaf1Ecx.hypervisor) >>> 0,
    edx: (count > 1 ? edx | HTT : edx & ~HTT) >>> 0,
  };
}

/** Bits 14 up: logical processors that share the cache, less one; bits 26 up: cores of the package, less one. */
function cacheSharing({ eax }: CpuidEntry, { count }: CpuidOptions) {
  if ((eax & 0x1f) === 0) return {};
  const sharing = levelOf(eax) === 3 ? count - 1 : 0;
  return { eax: setBits(setBits(eax, 14, 12, sharing), 26, 6, Math.min(count - 1, 63)) };
}

/** Extended topology: the level of threads, that of cores, and the end of the list. */
function topologyLeaves({ index, count }: CpuTopology): CpuidEntry[] {
  const leaf = (level: number, type: number, shift: number, processors: number): CpuidEntry => {
    const common = { function: 0xb, index: level, flags: INDEXED, edx: index };
    return { ...common, eax: shift, ebx: processors, ecx: (type << 8) | level };
  };
  return [leaf(0, SMT_LEVEL, 0, 1), leaf(1, CORE_LEVEL, bitsFor(count), count), leaf(2, 0, 0, 0)];
}

const levelOf = (eax: number): number => (eax >>> 5) & 7;
const bitsFor = (count: number): number => Math.ceil(Math.log2(count));

function setBits(word: number, bit: number, width: number, value: number): number {
  const mask = (2 ** width - 1) << bit;
  return ((word & ~mask) | ((value << bit) & mask)) >>> 0;
}
