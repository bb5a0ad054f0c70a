/** Figures of a server for other programs: a file written every second, or a socket that answers with them. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { UnixListener } from '../../native/index.js';
import { MetricsError } from './errors.js';
import { log } from './log.js';

const SOCKET = /^unix:(.+)$/;
const WRITE_MS = 1000;

/** Closing it writes the file a last time. */
export interface Metrics {
  close(): void;
}

/** Plain data for JSON. Bigints become numbers: they are counters. */
function toJson(figures: unknown): string {
  const plain = (_: string, value: unknown) => (typeof value === 'bigint' ? Number(value) : value);
  return `${JSON.stringify(figures, plain)}\n`;
}

/** `target`: `unix:PATH` or a file. MetricsError where it cannot be written, SocketInUseError. */
export function publishMetrics(target: string, figures: () => unknown): Metrics {
  const path = SOCKET.exec(target)?.[1];
  return path === undefined ? publishFile(target, figures) : publishSocket(path, figures);
}

function publishSocket(path: string, figures: () => unknown): Metrics {
  return UnixListener.listen(path, {
    onConnection: (connection) => {
      try {
        connection.write(Buffer.from(toJson(figures())));
      } catch {
        // It has hung up, or does not read: it has no right to more.
      }
      connection.close();
    },
    onError: (error) => log(`metrics: ${(error as Error).message}`),
  });
}

/** Readers never see half a file. */
function writeWhole(path: string, text: string): void {
  const partial = `${path}.${process.pid}`;
  try {
    writeFileSync(partial, text);
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw new MetricsError(path, error);
  }
}

function publishFile(path: string, figures: () => unknown): Metrics {
  const write = () => writeWhole(path, toJson(figures()));
  const tryWrite = () => {
    try {
      write();
    } catch (error) {
      log((error as Error).message);
    }
  };
  write();
  const timer = setInterval(tryWrite, WRITE_MS).unref();
  return {
    close: () => {
      clearInterval(timer);
      tryWrite();
    },
  };
}
