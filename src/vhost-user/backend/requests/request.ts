/** What a request is: what comes with it, what it needs, and how it is carried out. */
import type { Fd } from '../../../native/index.js';
import type { ReceivedMessage } from '../../connection/index.js';
import type { Session } from '../session.js';

/** The request's own reply. */
export interface Reply {
  readonly payload: Uint8Array;
  /** Closed once they have been sent. */
  readonly fds?: readonly Fd[];
}

export interface Request {
  /** Most descriptors that may come along. Default 0. */
  readonly maxFds?: number;
  /** The protocol feature that must have been negotiated. */
  readonly needs?: bigint;
  /**
   * Carries it out. Nothing is returned by requests that have no reply of their own. VhostUserRequestError where it cannot
   * be done, VhostUserProtocolError where the message is malformed.
   */
  handle(session: Session, message: ReceivedMessage): RequestResult | Promise<RequestResult>;
  /** The reply to a request that has its own and cannot be carried out. Default: the connection is closed. */
  readonly failed?: Reply;
}

// biome-ignore lint/suspicious/noConfusingVoidType: most requests return nothing
export type RequestResult = Reply | void;
/** By number. */
export type Requests = readonly (readonly [request: number, entry: Request])[];
