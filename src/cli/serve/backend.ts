/** A device and what serves it over vhost-user: most of what the program consists of, so it is loaded once a socket is there. */
import { BACKEND_RING_FEATURES, BackendServer } from '../../vhost-user/backend/index.js';
import type { VirtioDevice } from '../../virtio/device.js';
import { Feature } from '../../virtio/spec/features.js';
import type { CommonOptions } from './common-options.js';
import type { Door } from './door.js';
import { log } from './log.js';
import type { ServedDevice } from './serve.js';
import { ServedFigures } from './served-figures.js';

export interface Running {
  readonly figures: ServedFigures;
  /** SIGHUP. */
  hangUp(): void;
  /** Lets what is in flight come to its end. */
  stop(): Promise<void>;
}

/** Serves the device to those who come through the door; both belong to it from here on. */
export function start(served: ServedDevice, door: Door, options: CommonOptions): Running {
  const figures = new ServedFigures(served.name, door.place, served.device);
  const server = serverOf(served, figures, options);
  door.serve((connection) => server.serve(connection));
  const stop = async () => {
    door.close();
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

function hangUp(served: ServedDevice, server: BackendServer): void {
  if (served.hangUp === undefined) return;
  served.hangUp();
  publishConfig(served.device, server);
  log(`${served.name}: SIGHUP: looked at again`);
}
