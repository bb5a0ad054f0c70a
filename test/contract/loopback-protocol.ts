/** What the loopback harness and the Workers that stand for its vCPUs say to each other. */
import type { FailureRecord } from 'ioregion/native';
import type { AccessResult, GuestAccess } from './accesses.js';
import type { UnhandledAccess } from './harness.js';

export interface LoopbackVcpuData {
  readonly dispatcherId: number;
  readonly vcpu: number;
  /** One word: what the vCPU that waits in its Worker is to do. */
  readonly decision: SharedArrayBuffer;
}

/** `abandon`: the vCPU is closed with its access under way. */
export const Decision = { none: 0, goOn: 1, allOnes: 2, retry: 3, abandon: 4 } as const;
export type Decision = (typeof Decision)[keyof typeof Decision];

export type LoopbackRequest =
  | { readonly type: 'run'; readonly accesses: readonly GuestAccess[] }
  | { readonly type: 'close' };

export type LoopbackReply =
  | { readonly type: 'ready'; readonly tid: number; readonly callerId: number }
  | { readonly type: 'interrupted' }
  | { readonly type: 'failed'; readonly record: FailureRecord }
  | { readonly type: 'unhandled'; readonly access: UnhandledAccess }
  | { readonly type: 'done'; readonly results: readonly AccessResult[] };
