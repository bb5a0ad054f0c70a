/** What a region server's Worker and its owner say to each other. */
import { ProtocolError, type ProtocolRule } from '../wire/index.js';
import type { ServerStats } from './counters.js';
import type { DeviceModule } from './device-module.js';
import type { ServerEnd } from './end.js';
import { ServerIoError } from './errors.js';

/** One region of the fd, with the device that serves it. */
export interface ServedModule {
  readonly userData?: number | bigint;
  readonly base?: number;
  /** For `DeviceContext.region`. */
  readonly name?: string;
  readonly device: DeviceModule;
}

export interface ServerWorkerData {
  readonly readFd: number;
  readonly writeFd: number;
  readonly regions: readonly ServedModule[];
  readonly groupId: number | null;
  readonly spinNs: number;
  readonly cpus: readonly number[] | null;
  readonly fds: Readonly<Record<string, number>>;
  readonly shared: SharedArrayBuffer | null;
}

/** A `ServerEnd` whose error survives structured cloning. */
export type PlainEnd =
  | { readonly reason: 'closed' | 'hang-up' }
  | { readonly reason: 'error'; readonly rule: ProtocolRule | null; readonly errno: number };

/** To the Worker. A question is sent, then the server kicked. */
export type ServerWorkerRequest = 'serve' | { readonly question: unknown };

export type ServerWorkerMessage =
  | { readonly type: 'ready'; readonly serverId: number }
  /** `module`: the device module that could not be loaded; `message` is the reason then. */
  | { readonly type: 'failed'; readonly module: string | null; readonly message: string }
  | { readonly type: 'device-error'; readonly error: unknown }
  | { readonly type: 'answered'; readonly answer: unknown }
  | { readonly type: 'ask-failed'; readonly error: unknown }
  | { readonly type: 'ended'; readonly end: PlainEnd; readonly stats: ServerStats };

export function toPlainEnd(end: ServerEnd): PlainEnd {
  if (end.reason !== 'error') return end;
  const { error } = end;
  const rule = error instanceof ProtocolError ? error.rule : null;
  return { reason: 'error', rule, errno: error.errno ?? 0 };
}

export function fromPlainEnd(end: PlainEnd): ServerEnd {
  if (end.reason !== 'error') return { reason: end.reason };
  return { reason: 'error', error: end.rule === null ? new ServerIoError(end.errno) : new ProtocolError(end.rule) };
}
