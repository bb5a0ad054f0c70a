/** The life of a server: it listens, serves frontends one after the other, and ends when it is told to. */

import type { VirtioDevice } from '../../virtio/device.js';
import type { Running } from './backend.js';
import type { CommonOptions } from './common-options.js';
import { Door } from './door.js';
import { type Endpoint, endpointOf } from './endpoint.js';
import { log } from './log.js';
import type { Metrics } from './metrics.js';

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

/**
 * Resolves when the server has ended by SIGTERM or SIGINT. `open` makes the devices, once it is known where they are served.
 * @throws ServeOptionError, SocketInUseError, MetricsError, and what `open` throws
 */
export async function serve(options: CommonOptions, open: () => readonly ServedDevice[]): Promise<void> {
  const endpoint = endpointOf(options, process.env);
  const running: Running[] = [];
  const signal = endSignal(); // from now on: one that comes before the server is ready counts as well
  let doors: ReadonlyMap<ServedDevice, Door> = new Map();
  let metrics: Metrics | null = null;
  try {
    doors = openDoors(open(), endpoint);
    // Frontends can connect; what serves them is loaded meanwhile, which takes longer than everything before.
    const { start } = await import('./backend.js');
    for (const [served, door] of doors) running.push(start(served, door, options));
    if (options.metrics !== undefined) {
      const { publishMetrics } = await import('./metrics.js');
      metrics = publishMetrics(options.metrics, () => figuresOf(running));
    }
    for (const { figures } of running) log(`${figures.name}: ready at ${figures.socket}`);
    await untilToldToEnd(running, signal);
  } finally {
    metrics?.close();
    for (const door of doors.values()) door.close();
    await Promise.all(running.map(({ stop }) => stop()));
  }
}

/** All of them, or none. */
function openDoors(devices: readonly ServedDevice[], common: Endpoint): Map<ServedDevice, Door> {
  const doors = new Map<ServedDevice, Door>();
  try {
    for (const served of devices) doors.set(served, Door.open(served.name, served.endpoint ?? common));
  } catch (error) {
    for (const door of doors.values()) door.close();
    for (const { device, close } of devices) {
      close?.();
      void device.close?.();
    }
    throw error;
  }
  return doors;
}

function figuresOf(running: readonly Running[]): object {
  return {
    uptimeMs: Math.round(process.uptime() * 1000),
    rssBytes: process.memoryUsage.rss(),
    devices: running.map(({ figures }) => figures.now()),
  };
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
