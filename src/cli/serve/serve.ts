/** The life of a server: it listens, serves frontends one after the other, and ends when it is told to. */
import { BACKEND_RING_FEATURES, BackendServer } from '../../vhost-user/backend/index.js';
import type { VirtioDevice } from '../../virtio/device.js';
import { Feature } from '../../virtio/spec/features.js';
import type { CommonOptions } from './common-options.js';
import { describeEndpoint, type Endpoint, endpointOf, listen } from './endpoint.js';
import { log } from './log.js';
import { publishMetrics } from './metrics.js';
import { ServedFigures } from './served-figures.js';

export interface ServedDevice {
  /** For people. */
  readonly name: string;
  readonly device: VirtioDevice;
  /** Default: the one of the command line. */
  readonly endpoint?: Endpoint;
  /** SIGHUP. */
  hangUp?(): void;
  /** The server ends. The device is closed by itself. */
  close?(): void;
}

interface Running {
  readonly served: ServedDevice;
  readonly figures: ServedFigures;
  /** Lets what is in flight come to its end. */
  stop(): Promise<void>;
}

/**
 * Resolves when the server has ended by SIGTERM or SIGINT. `open` makes the devices, once it is known where they are served.
 * @throws ServeOptionError, SocketInUseError, MetricsError, and what `open` throws
 */
export async function serve(options: CommonOptions, open: () => readonly ServedDevice[]): Promise<void> {
  const endpoint = endpointOf(options, process.env);
  const running: Running[] = [];
  try {
    for (const served of open()) running.push(start(served, endpoint, options));
    await untilToldToEnd(running, options);
  } finally {
    await Promise.all(running.map(({ stop }) => stop()));
  }
}

function start(served: ServedDevice, common: Endpoint, { packed }: CommonOptions): Running {
  const { name, device, endpoint = common } = served;
  const figures = new ServedFigures(name, describeEndpoint(endpoint), device);
  const server = new BackendServer({
    device,
    ringFeatures: packed ? BACKEND_RING_FEATURES | Feature.ringPacked : BACKEND_RING_FEATURES,
    log: (message) => log(`${name}: ${message}`),
    onSession: (session) => {
      figures.connected(session);
      log(`${name}: a frontend has connected`);
      void session.ended.then(() => log(`${name}: the frontend has gone`));
    },
  });
  const listener = listen(endpoint, {
    onConnection: (connection) => server.serve(connection),
    onError: (error) => log(`${name}: a connection could not be accepted: ${(error as Error).message}`),
  });
  log(`${name}: ready at ${describeEndpoint(endpoint)}`);
  const stop = async () => {
    listener.close();
    served.close?.();
    await server.close();
  };
  return { served, figures, stop };
}

async function untilToldToEnd(running: readonly Running[], { metrics: target }: CommonOptions): Promise<void> {
  const figures = () => ({
    uptimeMs: Math.round(process.uptime() * 1000),
    rssBytes: process.memoryUsage.rss(),
    devices: running.map((one) => one.figures.now()),
  });
  const metrics = target === undefined ? null : publishMetrics(target, figures);
  const hangUp = () => {
    for (const { served } of running) served.hangUp?.();
  };
  process.on('SIGHUP', hangUp);
  const signal = await endSignal();
  log(`${signal}: finishing what is under way`);
  process.off('SIGHUP', hangUp);
  metrics?.close();
}

/** A second signal ends the process as any other does. */
function endSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
}
