/** The answer to an offer: the devices are there. A line, after which the device process hangs up. */
import { type Fd, FdWatch, SystemError } from '../../native/index.js';
import { ControlProtocolError } from './offer.js';

const READY = 'ready\n';

/** Closes the socket. No matter whether the VMM still listens. */
export function sayReady(socket: Fd): void {
  if (socket.closed) return;
  attemptOnSocket(() => socket.write(new TextEncoder().encode(READY)));
  socket.close();
}

/** Read as hostile input. @throws ControlProtocolError where the process hangs up before, or says something else */
export function hearReady(socket: Fd): Promise<void> {
  return new Promise((resolve, reject) => {
    let heard = '';
    const watch = new FdWatch(socket, () => {
      const text = readText(socket, READY.length - heard.length);
      if (text === null) return;
      heard += text;
      if (text !== '' && READY.startsWith(heard) && heard !== READY) return;
      watch.close();
      if (heard === READY) resolve();
      else reject(new ControlProtocolError('the device process hung up before its devices were there'));
    });
  });
}

/** Nothing at its end, or where it has been reset or closed; null where there is nothing yet. */
function readText(socket: Fd, limit: number): string | null {
  if (socket.closed) return '';
  const bytes = new Uint8Array(limit);
  const count = attemptOnSocket(() => socket.read(bytes));
  return count === null ? null : new TextDecoder('latin1').decode(bytes.subarray(0, count));
}

/** 0 where the system call fails. */
function attemptOnSocket(call: () => number | null): number | null {
  try {
    return call();
  } catch (error) {
    if (error instanceof SystemError) return 0;
    throw error;
  }
}
