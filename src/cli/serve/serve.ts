/** The life of a server: it listens, serves frontends one after the other, and ends when it is told to. */

import type { UnixListener } from '../../native/index.js';
import { BACKEND_RING_FEATURES, BackendServer } from '../../vhost-user/backend/index.js';
import type { VirtioDevice } from '../../virtio/device.js';
import { Feature } from '../../virtio/spec/features.js';
import type { CommonOptions } from './common-options.js';
import { describeEndpoint, type Endpoint, endpointOf, listen } from './endpoint.js';
import { log } from './log.js';
import { type Metrics, publishMetrics } from './metrics.js';
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
  readonly figures: ServedFigures;
  /** SIGHUP. */
  hangUp(): void;
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
  const signal = endSignal(); // from now on: one that comes before the server is ready counts as well
  let metrics: Metrics | null = null;
  try {
    for (const served of open()) running.push(start(served, endpoint, options));
    if (options.metrics !== undefined) metrics = publishMetrics(options.metrics, () => figuresOf(running));
    for (const { figures } of running) log(`${figures.name}: ready at ${figures.socket}`);
    await untilToldToEnd(running, signal);
  } finally {
    metrics?.close();
    await Promise.all(running.map(({ stop }) => stop()));
  }
}

function figuresOf(running: readonly Running[]): object {
  return {
    uptimeMs: Math.round(process.uptime() * 1000),
    rssBytes: process.memoryUsage.rss(),
    devices: running.map(({ figures }) => figures.now()),
  };
}

function start(served: ServedDevice, common: Endpoint, options: CommonOptions): Running {
  const { name, device, endpoint = common } = served;
  const figures = new ServedFigures(name, describeEndpoint(endpoint), device);
  const server = serverOf(served, figures, options);
  const listener = listenFor(server, name, endpoint);
  const stop = async () => {
    listener.close();
    served.close?.();
    await server.close();
  };
  return { figures, hangUp: () => hangUp(served, server), stop };
}

/** Those that some frontends accept and do not keep to are offered where they are asked for. */
function ringFeatures({ packed, iommu }: CommonOptions): bigint {
  return BACKEND_RING_FEATURES | (packed ? Feature.ringPacked : 0n) | (iommu ? Feature.accessPlatform : 0n);
}

function serverOf({ name, device }: ServedDevice, figures: ServedFigures, options: CommonOptions): BackendServer {
  const server: BackendServer = new BackendServer({
    device,
    ringFeatures: ringFeatures(options),
    log: (message) => log(`${name}: ${message}`),
    onSession: (session) => {
      figures.connected(session);
      publishConfig(device, server);
      log(`${name}: a frontend has connected`);
      void session.ended.then(() => log(`${name}: the frontend has gone`));
    },
  });
  return server;
}

/** What has changed while no driver was there to be told. */
function publishConfig({ config: { bytes } }: VirtioDevice, { control }: BackendServer): void {
  if (control?.config.differs(bytes) === true) control.config.publish(bytes);
}

function listenFor(server: BackendServer, name: string, endpoint: Endpoint): UnixListener {
  try {
    return listen(endpoint, {
      onConnection: (connection) => server.serve(connection),
      onError: (error) => log(`${name}: a connection could not be accepted: ${(error as Error).message}`),
    });
  } catch (error) {
    void server.close();
    throw error;
  }
}

function hangUp(served: ServedDevice, server: BackendServer): void {
  if (served.hangUp === undefined) return;
  served.hangUp();
  publishConfig(served.device, server);
  log(`${served.name}: SIGHUP: looked at again`);
}

async function untilToldToEnd(running: readonly Running[], signal: Promise<NodeJS.Signals>): Promise<void> {
  const hangUpAll = () => {
    for (const one of running) one.hangUp();
  };
  process.on('SIGHUP', hangUpAll);
  const name = await signal;
  process.off('SIGHUP', hangUpAll);
  log(`${name}: finishing what is under way`);
}

/** A second signal ends the process as any other does. */
function endSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
}
