/** A vhost-user backend that answers as it should, or as a test wants it to: for frontends of any kind. */
import { type Fd, UnixListener } from '../../native/index.js';
import { FRONTEND_PROTOCOL_FEATURES, VhostFeature } from '../../vhost-user/index.js';
import { Feature } from '../../virtio/index.js';
import { MockBackendConnection } from './mock-connection.js';

/** A message to send: header fields and payload, right or wrong. */
export interface MockMessage {
  readonly request: number;
  readonly payload: Uint8Array;
  /** All flags, the version included. Default: version 1, a reply. */
  readonly flags?: number;
  /** What the header says. Default: the length of the payload. */
  readonly size?: number;
  /** They stay the caller's. */
  readonly fds?: readonly Fd[];
}

/** A request of the frontend, as it came. */
export interface MockRequest {
  readonly request: number;
  readonly payload: Uint8Array;
  readonly needsReply: boolean;
  readonly fds: number;
}

/** What to send for `request` instead of `answer` (null: nothing is expected). Nothing, or several, may be sent. */
export type Interference = (
  request: MockRequest,
  answer: MockMessage | null,
  connection: MockBackendConnection,
) => readonly MockMessage[];

export interface MockBackendOptions {
  /** Default: VERSION_1, EVENT_IDX, protocol features, LOG_ALL. */
  readonly features?: bigint;
  /** Default: all that a frontend may use. */
  readonly protocolFeatures?: bigint;
  readonly queues?: number;
  /** Default: 60 bytes, zero. */
  readonly config?: Uint8Array;
  readonly memorySlots?: number;
  /** What GET_VRING_BASE answers. Default: what SET_VRING_BASE said. */
  readonly vringBase?: number;
  /** Of the device, to be saved. */
  readonly state?: Uint8Array;
  readonly interfere?: Interference;
}

export type MockDefaults = Required<Omit<MockBackendOptions, 'vringBase' | 'interfere'>> &
  Pick<MockBackendOptions, 'vringBase' | 'interfere'>;

export const MOCK_DEFAULTS: MockDefaults = {
  features: Feature.version1 | Feature.eventIdx | VhostFeature.protocolFeatures | VhostFeature.logAll,
  protocolFeatures: FRONTEND_PROTOCOL_FEATURES,
  queues: 2,
  config: new Uint8Array(60),
  memorySlots: 32,
  state: new Uint8Array(0),
};

export class MockBackend implements Disposable {
  /** What the next connection does. */
  options: MockDefaults;
  /** In the order in which they came; those that have ended as well. */
  readonly connections: MockBackendConnection[] = [];
  readonly #listener: UnixListener;

  private constructor(path: string, options: MockBackendOptions) {
    this.options = { ...MOCK_DEFAULTS, ...options };
    this.#listener = UnixListener.listen(path, {
      onConnection: (socket) => void this.connections.push(new MockBackendConnection(socket, this.options)),
      onError: () => {},
    });
  }

  static listen(path: string, options: MockBackendOptions = {}): MockBackend {
    return new MockBackend(path, options);
  }

  /** The last one. Throws where nobody has connected yet. */
  get connection(): MockBackendConnection {
    const last = this.connections.at(-1);
    if (last === undefined) throw new Error('no frontend has connected');
    return last;
  }

  /** Ends the listener and all connections. Idempotent. */
  close(): void {
    this.#listener.close();
    for (const connection of this.connections) connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
