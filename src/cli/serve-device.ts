/** Serves what a VMM offers at its device port: one channel on this thread, several on a Worker each. */
import {
  type AcceptedOffer,
  BlockingServer,
  connectDevice,
  type DeviceModule,
  loadDevice,
  type OfferedRegion,
  OrderGroup,
  RegionServerThread,
  type ServerEnd,
} from '../ioregion/index.js';
import { setAffinity } from '../native/index.js';

export interface ServeOptions {
  /** Path of the VMM's device port. */
  readonly socket: string;
  readonly module: string;
  readonly options?: unknown;
  readonly cpu?: readonly number[];
  /** Longest busy wait for a command, ns. */
  readonly spin?: number;
  /** Bytes of `DeviceContext.shared`. */
  readonly shared?: number;
}

/** A device that throws at each access must not flood the terminal. */
const REPORTED_DEVICE_ERRORS = 10;

/**
 * Resolves once the VMM has hung up. SIGTERM ends the process at once, as it does any that does not catch it.
 * @throws SocketUnreachableError, ControlProtocolError, DeviceLoadError, and the error of a channel that failed
 */
export async function serveDevice(options: ServeOptions): Promise<void> {
  if (options.cpu !== undefined) setAffinity(options.cpu);
  using offer = await connectDevice(options.socket);
  const channels = [...channelsOf(offer.regions).values()];
  const serve = channels.length === 1 ? serveHere : serveOnThreads;
  for (const end of await serve(offer, channels, options)) if (end.reason === 'error') throw end.error;
}

type Channel = readonly OfferedRegion[];

/** The regions by the fd that their commands come from. */
function channelsOf(regions: readonly OfferedRegion[]): Map<OfferedRegion['readFd'], OfferedRegion[]> {
  const channels = new Map<OfferedRegion['readFd'], OfferedRegion[]>();
  for (const region of regions) {
    const sharing = channels.get(region.readFd);
    if (sharing === undefined) channels.set(region.readFd, [region]);
    else sharing.push(region);
  }
  return channels;
}

function deviceModule({ module, options }: ServeOptions): DeviceModule {
  return options === undefined ? { module } : { module, options };
}

function fdNumbers(offer: AcceptedOffer): Record<string, number> {
  return Object.fromEntries(Object.entries(offer.fds).map(([name, fd]) => [name, fd.number]));
}

function sharedMemory({ shared }: ServeOptions): SharedArrayBuffer | null {
  return shared === undefined ? null : new SharedArrayBuffer(shared);
}

async function serveHere(offer: AcceptedOffer, [channel]: Channel[], options: ServeOptions): Promise<ServerEnd[]> {
  const context = { fds: fdNumbers(offer), shared: sharedMemory(options) };
  const regions = await Promise.all(
    channel!.map(async ({ name, userData }) => {
      return { userData, device: await loadDevice(deviceModule(options), { ...context, region: name }) };
    }),
  );
  const { readFd, writeFd } = channel![0]!;
  const onDeviceError = deviceErrorReporter();
  const server = new BlockingServer({ readFd, writeFd, regions, onDeviceError, spinNs: options.spin ?? 0 });
  offer.ready();
  return [server.serve()];
}

async function serveOnThreads(offer: AcceptedOffer, channels: Channel[], options: ServeOptions): Promise<ServerEnd[]> {
  const group = new OrderGroup();
  const shared = sharedMemory(options);
  const onDeviceError = deviceErrorReporter();
  const describe = (channel: Channel) => {
    const { readFd, writeFd } = channel[0]!;
    const regions = channel.map(({ name, userData }) => ({ name, userData, device: deviceModule(options) }));
    const common = { readFd, writeFd, regions, group, fds: offer.fds, onDeviceError, spinNs: options.spin ?? 0 };
    return shared === null ? common : { ...common, shared };
  };
  const threads = await RegionServerThread.startAll(channels.map(describe));
  offer.ready();
  const results = await Promise.all(threads.map((thread) => thread.ended));
  return results.map(({ end }) => end);
}

function deviceErrorReporter(): (error: unknown) => void {
  let reported = 0;
  return (error) => {
    if (reported++ < REPORTED_DEVICE_ERRORS) console.error('ioregion: the device threw:', error);
  };
}
