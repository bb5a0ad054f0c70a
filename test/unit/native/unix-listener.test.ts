import { existsSync, lstatSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import {
  connectUnix,
  Fd,
  NotListeningError,
  native,
  SocketInUseError,
  socketpair,
  UnixListener,
} from 'ioregion/native';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { expectOpenFds, openFds } from '../../support/open-fds.js';
import { layer, runScript } from '../../support/script.js';
import { temporaryDirectory } from '../../support/temporary.js';

const directory = temporaryDirectory();

describe('UnixListener', () => {
  const path = join(directory, 'control');
  let before: string[];
  let accepted: Fd[];
  const onError = (error: unknown) => {
    throw error;
  };
  const onConnection = (connection: Fd) => {
    accepted.push(connection);
  };

  beforeEach(() => {
    before = openFds();
    accepted = [];
  });
  afterEach(async () => {
    for (const fd of accepted) fd.close();
    await expectOpenFds(before);
    expect(existsSync(path)).toBe(false);
  });

  it('hands over every connection with the credentials of its peer', async () => {
    const peers: number[] = [];
    using server = UnixListener.listen(path, {
      onError,
      onConnection: (connection, peer) => {
        accepted.push(connection);
        peers.push(peer.pid);
      },
    });
    const clients = [connectUnix(path), connectUnix(path), connectUnix(path)];
    await vi.waitUntil(() => accepted.length === 3);
    expect(peers).toEqual([process.pid, process.pid, process.pid]);
    expect(server.refused).toBe(0);
    for (const client of clients) client.close();
  });

  it('makes a path that only this user can connect to', () => {
    using server = UnixListener.listen(path, { onError, onConnection });
    expect(lstatSync(server.path).mode & 0o777).toBe(0o600);
  });

  it('closes the connections of peers that are not allowed, and counts them', async () => {
    using server = UnixListener.listen(path, { onError, onConnection, allow: (peer) => peer.pid !== process.pid });
    using client = connectUnix(path);
    await vi.waitUntil(() => server.refused === 1);
    expect(client.read(new Uint8Array(1))).toBe(0);
    expect(accepted).toEqual([]);
  });

  it('refuses a path in use and leaves that server alone', async () => {
    using server = UnixListener.listen(path, { onError, onConnection });
    expect(() => UnixListener.listen(path, { onError, onConnection })).toThrow(SocketInUseError);
    using _client = connectUnix(server.path);
    await vi.waitUntil(() => accepted.length >= 1);
  });

  it('removes its path when closed, however often, but not that of a successor', () => {
    const server = UnixListener.listen(path, { onError, onConnection });
    server.close();
    server.close();
    expect(existsSync(path)).toBe(false);
    const replaced = UnixListener.listen(path, { onError, onConnection });
    unlinkSync(path);
    using successor = UnixListener.listen(path, { onError, onConnection });
    replaced.close();
    expect(existsSync(successor.path)).toBe(true);
  });

  it('takes over a socket that another process made to listen, with the connections that wait', async () => {
    const listening = native.unixListen(path, 0o600, 4);
    using early = connectUnix(path);
    using server = UnixListener.inherit(new Fd(listening), { onError, onConnection });
    using late = connectUnix(path);
    await vi.waitUntil(() => accepted.length === 2);
    expect(early.closed || late.closed).toBe(false);
    server.close();
    expect(existsSync(path), 'the path is left to its maker').toBe(true);
    unlinkSync(path);
  });

  it('does not take over what does not listen', () => {
    const [left, right] = socketpair('stream');
    using pipe = new Fd(openSync('/dev/null', 'r'));
    for (const fd of [left, right, pipe])
      expect(() => UnixListener.inherit(fd, { onError, onConnection })).toThrow(NotListeningError);
    left.close();
    right.close();
  });

  it('can be closed by the handler of a connection', async () => {
    const server = UnixListener.listen(path, {
      onError,
      onConnection: (connection) => {
        connection.close();
        server.close();
      },
    });
    const client = connectUnix(path);
    const bytes = new Uint8Array(1);
    await vi.waitUntil(() => !existsSync(path));
    expect(client.read(bytes)).toBe(0);
    client.close();
  });

  it('closes a connection whose handler throws', async () => {
    const uncaught: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    const failure = new Error('handler');
    using _server = UnixListener.listen(path, {
      onError,
      onConnection: () => {
        throw failure;
      },
    });
    using client = connectUnix(path);
    await vi.waitUntil(() => uncaught.length > 0);
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
    expect(uncaught).toEqual([failure]);
    expect(client.read(new Uint8Array(1))).toBe(0);
  });
});

it('a UnixListener out of descriptors reports it, waits, and then serves the connection', () => {
  const path = join(directory, 'full');
  const { status, stdout, stderr } = runScript(
    `import { connectUnix, EventFd, UnixListener } from ${layer('native')};
     const hoard = [];
     let errors = 0;
     const server = UnixListener.listen(${JSON.stringify(path)}, {
       onConnection: (connection) => {
         connection.close();
         client.close();
         server.close();
         console.log('served after', errors);
       },
       onError: (error) => {
         errors++;
         console.log(error.errnoName);
         hoard.forEach((fd) => fd.close());
       },
     });
     const client = connectUnix(${JSON.stringify(path)});
     try { for (;;) hoard.push(EventFd.create()); } catch {}`,
    'ulimit -n 64;',
  );
  expect({ status, stderr, stdout }).toEqual({ status: 0, stderr: '', stdout: 'EMFILE\nserved after 1\n' });
});

it('two servers that start at one stale path at the same moment do not both get it', () => {
  const path = join(directory, 'race');
  new Fd(native.unixListen(path, 0o600, 1)).close();
  const { status, stdout, stderr } = runScript(`
    import { Worker } from 'node:worker_threads';
    import { native } from ${layer('native')};
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const source = \`
      const { parentPort, workerData } = require('node:worker_threads');
      import(${layer('native').replaceAll('"', "'")}).then(({ native }) => {
        parentPort.postMessage('ready');
        Atomics.wait(workerData, 0, 0);
        try { native.unixListen(${JSON.stringify(path)}, 0o600, 4); parentPort.postMessage('listening'); }
        catch (error) { parentPort.postMessage(error.code); }
      });\`;
    const workers = Array.from({ length: 6 }, () => new Worker(source, { eval: true, workerData: gate, execArgv: [] }));
    const next = (worker) => new Promise((resolve) => worker.once('message', resolve));
    await Promise.all(workers.map(next));
    const results = Promise.all(workers.map(next));
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
    console.log((await results).sort().join(' '));
    process.exit();
  `);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout.trim()).toBe('EADDRINUSE EADDRINUSE EADDRINUSE EADDRINUSE EADDRINUSE listening');
});
