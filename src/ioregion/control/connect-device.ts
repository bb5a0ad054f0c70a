/** The device process's side: connects to a VMM's device port and takes the regions it is offered. */
import { closeAll, connectUnix, Disposables, type Fd, FdWatch, receiveFds } from '../../native/index.js';
import { ControlProtocolError, decodeOffer, OFFER_BYTES, OFFER_FDS, type Offer } from './offer.js';
import { sayReady } from './ready.js';

export interface OfferedRegion {
  readonly name: string;
  readonly space: 'mmio' | 'pio';
  readonly size: bigint;
  readonly userData: bigint;
  readonly postedWrites: boolean;
  /** Regions of one channel have the same fds. */
  readonly readFd: Fd;
  readonly writeFd: Fd;
}

/** Regions and fds that this process now owns. */
export interface AcceptedOffer extends Disposable {
  readonly regions: readonly OfferedRegion[];
  /** Further files by name. */
  readonly fds: Readonly<Record<string, Fd>>;
  /** Tells the VMM that the devices are there; one that is disposed of before has failed. Idempotent. */
  ready(): void;
}

/** @throws SocketUnreachableError where no VMM listens, ControlProtocolError where what it sends is malformed. */
export async function connectDevice(path: string): Promise<AcceptedOffer> {
  using undo = new Disposables();
  const socket = undo.use(connectUnix(path));
  await readable(socket);
  const accepted = receiveOffer(socket);
  undo.release();
  return accepted;
}

function receiveOffer(socket: Fd): AcceptedOffer {
  const bytes = new Uint8Array(OFFER_BYTES);
  const message = receiveFds(socket, bytes, OFFER_FDS);
  if (message === null || message.bytes === 0) throw new ControlProtocolError('the VMM closed it before its offer');
  try {
    if (message.truncated) throw new ControlProtocolError('the offer was cut short');
    const line = new TextDecoder().decode(bytes.subarray(0, message.bytes));
    if (!line.endsWith('\n')) throw new ControlProtocolError('the offer does not end with a new line');
    return toAccepted(decodeOffer(line, message.fds.length), message.fds, socket);
  } catch (error) {
    closeAll(message.fds);
    throw error;
  }
}

function readable(socket: Fd): Promise<void> {
  return new Promise((resolve) => {
    const watch = new FdWatch(socket, () => {
      watch.close();
      resolve();
    });
  });
}

function toAccepted(offer: Offer, fds: readonly Fd[], socket: Fd): AcceptedOffer {
  const owned = new Disposables();
  owned.use(socket);
  for (const fd of fds) owned.use(fd);
  const regions = offer.regions.map((region) => ({
    name: region.name,
    space: region.space,
    size: BigInt(region.size),
    userData: BigInt(region.userData),
    postedWrites: region.posted,
    readFd: fds[region.readFd]!,
    writeFd: fds[region.writeFd]!,
  }));
  const named = Object.fromEntries(Object.entries(offer.fds).map(([name, index]) => [name, fds[index]!]));
  const ready = (): void => sayReady(socket);
  return { regions, fds: named, ready, [Symbol.dispose]: () => owned[Symbol.dispose]() };
}
