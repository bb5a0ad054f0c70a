/** What a vCPU's Worker and its owner say to each other. */
import type { FailureRecord } from '../../native/index.js';
import type { ExitHandlerModule } from './exit-handler.js';
import type { CoreExit } from './vcpu-core.js';

/** A Worker's, which then waits for `open`. */
export interface VcpuThreadData {
  /** URLs of modules to load meanwhile. */
  readonly modules: readonly string[];
}

export interface VcpuWorkerData {
  readonly vcpuFd: number;
  readonly mmapSize: number;
  readonly dispatcherId: number;
  readonly cpus: readonly number[] | null;
  readonly exitHandler: ExitHandlerModule | null;
}

export type VcpuRequest =
  /** The first. */
  | { readonly type: 'open'; readonly data: VcpuWorkerData }
  /** `resolve`: how the failed access that the last run stopped at ends. `answer`: data for the exit it stopped at. */
  | { readonly type: 'run'; readonly resolve: 'all-ones' | 'retry' | null; readonly answer: Uint8Array | null }
  /** The same without entering the guest. */
  | { readonly type: 'settle'; readonly resolve: 'all-ones' | 'retry' | null }
  /** For the exit handler. */
  | { readonly type: 'ask'; readonly question: unknown }
  | { readonly type: 'close' };

export interface PlainSystemError {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
}

export type VcpuReply =
  | { readonly type: 'ready'; readonly coreId: number }
  | { readonly type: 'start-failed'; readonly message: string; readonly system: PlainSystemError | null }
  | { readonly type: 'stopped'; readonly exit: CoreExit }
  | { readonly type: 'run-failed'; readonly message: string; readonly system: PlainSystemError | null }
  | { readonly type: 'answered'; readonly answer: unknown }
  | { readonly type: 'ask-failed'; readonly error: unknown }
  | { readonly type: 'failure'; readonly record: FailureRecord };
