/** How the service of an fd ended. */
import { ProtocolError, WireFault } from '../wire/index.js';
import { ServerIoError } from './errors.js';

export type ServerEnd =
  /** `close` was called. */
  | { readonly reason: 'closed' }
  /** The peer closed its end. */
  | { readonly reason: 'hang-up' }
  /** The peer broke the protocol, or the fd failed. */
  | { readonly reason: 'error'; readonly error: ProtocolError | ServerIoError };

/** Results of exchange other than a number of commands; fixed by native/src/server.c. */
export const ExchangeResult = {
  hangUp: 0,
  stopped: -1,
  malformed: -2,
  error: -3,
  nothing: -4,
  blocked: -5,
  kicked: -6,
} as const;

/** What a result of exchange that is no count means. */
export function endOf(result: number, errno: () => number): ServerEnd {
  if (result === ExchangeResult.stopped) return { reason: 'closed' };
  if (result === ExchangeResult.hangUp) return { reason: 'hang-up' };
  if (result === ExchangeResult.malformed) return { reason: 'error', error: ProtocolError.of(WireFault.messageLength) };
  return { reason: 'error', error: new ServerIoError(errno()) };
}
