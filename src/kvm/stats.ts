/** What KVM itself counts of a VM or a vCPU (KVM_GET_STATS_FD): exits by reason, interrupts, page faults. */
import { readSync } from 'node:fs';
import { Fd } from '../native/fd.js';
import { KvmIoctlError } from './errors.js';
import { type Descriptor, ioctl } from './ioctl.js';

/** struct kvm_stats_header and struct kvm_stats_desc: where the fields are, bytes. */
const Header = { nameSize: 4, descriptors: 8, descriptorOffset: 16, dataOffset: 20, size: 24 } as const;
const Entry = { values: 6, offset: 8, name: 16 } as const;
/** The kernel's own (KVM_STATS_NAME_SIZE) is 48, and there are some fifty descriptors. */
const MAX_NAME = 256;
const MAX_DESCRIPTORS = 4096;
const VALUE_BYTES = 8;

/** Counters of a VM or vCPU, which go on being counted while it runs. */
export class KvmStats implements Disposable {
  readonly #fd: Fd;

  private constructor(fd: Fd) {
    this.#fd = fd;
  }

  /**
   * Null where this kernel does not tell (before 5.14). Of a vCPU: while it is out of the guest, as every other ioctl.
   * @throws KvmIoctlError
   */
  static open(of: Descriptor): KvmStats | null {
    try {
      return new KvmStats(new Fd(ioctl(of, 'KVM_GET_STATS_FD')));
    } catch (error) {
      if (error instanceof KvmIoctlError && (error.errnoName === 'ENOTTY' || error.errnoName === 'EINVAL')) return null;
      throw error;
    }
  }

  /** By the kernel's name, those that are one number. */
  read(): Record<string, number> {
    return read(this.#fd.number);
  }

  /** Idempotent. */
  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function read(fd: number): Record<string, number> {
  const header = bytesAt(fd, 0, Header.size);
  const nameSize = Math.min(header.getUint32(Header.nameSize, true), MAX_NAME);
  const count = Math.min(header.getUint32(Header.descriptors, true), MAX_DESCRIPTORS);
  const size = Entry.name + nameSize;
  const entries = bytesAt(fd, header.getUint32(Header.descriptorOffset, true), count * size);
  const described = Array.from({ length: count }, (_, index) => describe(entries, index * size, nameSize));
  const length = Math.max(0, ...described.map(({ offset }) => offset + VALUE_BYTES));
  const values = bytesAt(fd, header.getUint32(Header.dataOffset, true), length);
  const single = described.filter((entry) => entry.values === 1);
  return Object.fromEntries(single.map(({ name, offset }) => [name, Number(values.getBigUint64(offset, true))]));
}

function describe(entries: DataView, at: number, nameSize: number) {
  const name = Buffer.from(entries.buffer, entries.byteOffset + at + Entry.name, nameSize).toString('latin1');
  const values = entries.getUint16(at + Entry.values, true);
  return { name: name.replace(/\0.*$/s, ''), values, offset: entries.getUint32(at + Entry.offset, true) };
}

/** What the kernel does not fill is zero. */
function bytesAt(fd: number, position: number, length: number): DataView {
  const bytes = new Uint8Array(length);
  if (length > 0) readSync(fd, bytes, 0, length, position);
  return new DataView(bytes.buffer);
}
