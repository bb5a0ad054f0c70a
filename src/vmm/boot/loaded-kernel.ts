/** What a loader leaves behind in guest memory. */
import type { Range } from '../layout.js';

export interface LoadedKernel {
  /** `linux64`: boot parameters in RSI, long mode. `pvh`: start info in EBX, protected mode without paging. */
  readonly protocol: 'linux64' | 'pvh';
  /** Guest-physical address of the first instruction. */
  readonly entry: number;
  /** What the kernel takes up, also while it unpacks itself. */
  readonly occupied: Range;
  /** The highest address of an initrd's last byte. */
  readonly initrdLimit: number;
  /** Bytes of command line, without the final zero, that the kernel takes. */
  readonly commandLineLimit: number;
  /** `linux64`: the setup header that belongs into the boot parameters. */
  readonly setupHeader: Uint8Array | null;
}
