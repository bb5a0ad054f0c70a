/** The control socket over a machine that is the test's: commands, answers, and clients that send anything. */
import { once } from 'node:events';
import { lstatSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { MachineStateError } from 'ioregion/vmm';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ControlledMachine } from '#dist/src/cli/control/command.js';
import { ControlSocket } from '#dist/src/cli/control/control-socket.js';
import { temporaryDirectory } from '../../support/temporary.js';

const directory = temporaryDirectory();
let made = 0;

function machine() {
  return {
    state: 'running',
    devices: [{ id: 'a', name: 'blk a.img', attach: 'inline', slot: 1 }],
    metrics: () => ({ exits: { one: 1n } }),
    plug: vi.fn(async () => ({ id: 'b', name: 'blk b.img', attach: 'thread', slot: 2 })),
    unplug: vi.fn(async () => {}),
    pause: vi.fn(async () => {}),
    resume: vi.fn(() => {
      throw new MachineStateError('resume', 'running');
    }),
    reset: vi.fn(async () => {}),
    snapshot: vi.fn(async () => ({ memoryBytes: 4096, stateBytes: 100 })),
    pressPowerButton: vi.fn(),
    stop: vi.fn(async () => {}),
  };
}

class Client {
  readonly socket: Socket;
  text = '';

  constructor(path: string) {
    this.socket = connect({ path, allowHalfOpen: true });
    this.socket.on('data', (data) => {
      this.text += String(data);
    });
    this.socket.on('error', () => {});
  }

  get answers(): unknown[] {
    return this.text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  /** Says it all, and resolves with what was answered until the other side hung up. */
  async saying(text: string | Uint8Array): Promise<unknown[]> {
    const closed = new Promise<void>((resolve) => this.socket.once('close', () => resolve()));
    this.socket.on('end', () => this.socket.end());
    this.socket.end(text);
    await closed;
    return this.answers;
  }
}

const failed = (code: string, message = '') => ({
  error: { code: `ERR_IOREGION_${code}`, message: expect.stringContaining(message) },
});

describe('the control socket', () => {
  let path = '';
  let control: ControlSocket;
  let one: ReturnType<typeof machine>;
  beforeEach(() => {
    path = join(directory, `control-${made++}`);
    control = new ControlSocket(path);
    one = machine();
    control.attach(one as unknown as ControlledMachine);
  });
  afterEach(() => control.close());

  const say = (...lines: unknown[]) =>
    new Client(path).saying(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));

  test('is for this user only, and gone when it is closed', async () => {
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
    expect(() => new ControlSocket(path)).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_SOCKET_IN_USE' }));
    control.close();
    expect(lstatSync(path, { throwIfNoEntry: false })).toBeUndefined();
  });

  test('carries out a line at a time, and answers each with one', async () => {
    const answers = await say(
      { query: null },
      { plug: 'disk=b.img,attach=thread,id=b,readonly' },
      { plug: 'net=tap0,mac=52:54:00:00:00:01' },
      { plug: 'rng=process' },
      { unplug: 'b' },
      { unplug: { id: 'b', timeoutMs: 5000 } },
      { snapshot: 'saved' },
      'pause',
      { reset: true },
      { 'power-button': null },
      'stop',
    );
    expect(answers[0]).toEqual({ ok: { state: 'running', devices: one.devices } });
    expect(answers[1]).toEqual({ ok: { id: 'b', name: 'blk b.img', attach: 'thread', slot: 2 } });
    expect(answers[6]).toEqual({ ok: { memoryBytes: 4096, stateBytes: 100 } });
    expect(answers.slice(7)).toEqual(Array(4).fill({ ok: null }));
    expect(one.plug.mock.calls).toEqual([
      [{ disk: { path: 'b.img', attach: 'thread', id: 'b', readonly: true } }],
      [{ net: { tap: 'tap0', mac: '52:54:00:00:00:01' } }],
      [{ rng: { attach: 'process' } }],
    ]);
    expect(one.unplug.mock.calls).toEqual([
      ['b', {}],
      ['b', { timeoutMs: 5000 }],
    ]);
    for (const called of [one.pause, one.reset, one.pressPowerButton, one.stop]) expect(called).toHaveBeenCalledOnce();
  });

  test('has counters that are bigints as numbers', async () => {
    expect(await say({ query: 'metrics' })).toEqual([{ ok: { exits: { one: 1 } } }]);
  });

  test('answers what goes wrong with a code, and goes on', async () => {
    one.plug.mockRejectedValueOnce(Object.assign(new Error('no such file'), { code: 'ENOENT' }));
    const answers = await say('resume', { plug: 'disk=none' }, { query: null });
    expect(answers[0]).toEqual(failed('MACHINE_STATE', 'the machine is running'));
    expect(answers[1]).toEqual({ error: { code: 'ENOENT', message: 'no such file' } });
    expect(answers[2]).toMatchObject({ ok: {} });
  });

  test.each([
    [7, 'a line is'],
    [null, 'a line is'],
    [[], 'a line is'],
    [{}, 'a line is'],
    ['dance', 'a line is'],
    [{ toString: null }, 'a line is'],
    [{ pause: null, resume: null }, 'a line is'],
    [{ pause: 'now' }, 'no argument'],
    [{ stop: 1 }, 'no argument'],
    [{ 'power-button': {} }, 'no argument'],
    [{ query: 'all' }, 'query takes'],
    [{ snapshot: 3 }, 'snapshot takes'],
    [{ snapshot: '' }, 'snapshot takes'],
    [{ unplug: null }, 'unplug takes'],
    [{ unplug: { id: 7 } }, 'unplug takes'],
    [{ unplug: { id: 'b', timeoutMs: -1 } }, 'timeoutMs'],
    [{ plug: 'disk' }, 'plug takes'],
    [{ plug: '__proto__=x' }, 'plug takes'],
    [{ plug: 'disk=' }, 'path of an image'],
    [{ plug: 'disk=x,attach=moon' }, 'inline, thread, process'],
    [{ plug: 'net=' }, 'name an interface'],
  ])('refuses %j, and nothing happens to the machine', async (line, message) => {
    expect(await say(line)).toEqual([failed('CONTROL', message)]);
    for (const method of [one.plug, one.unplug, one.pause, one.snapshot, one.stop, one.reset, one.pressPowerButton])
      expect(method).not.toHaveBeenCalled();
  });

  test('answers whatever bytes come, line by line', async () => {
    const property = fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async (bytes) => {
      const answers = await new Client(path).saying(bytes);
      for (const answer of answers) expect(answer).toEqual(failed('CONTROL'));
      expect(answers.length).toBeLessThanOrEqual(bytes.filter((byte) => byte === 0x0a).length);
    });
    await fc.assert(property, { numRuns: 50 });
    expect(await say({ query: null })).toMatchObject([{ ok: {} }]);
  });

  test('hangs up on a line that is too long, and reads no more of it', async () => {
    const answers = await new Client(path).saying('x'.repeat(70_000));
    expect(answers).toEqual([failed('CONTROL', 'at most')]);
    expect(await say({ query: null })).toMatchObject([{ ok: {} }]);
  });

  test('takes eight connections, and tells the ninth', async () => {
    const clients = Array.from({ length: 8 }, () => new Client(path));
    await Promise.all(clients.map(({ socket }) => once(socket, 'connect')));
    clients[7]!.socket.write('{"query": null}\n');
    await vi.waitFor(() => expect(clients[7]!.answers).toHaveLength(1));
    expect(await new Client(path).saying('')).toEqual([failed('CONTROL', '8 connections')]);
    clients[0]!.socket.destroy();
    await vi.waitFor(async () => expect(await say({ query: null })).toMatchObject([{ ok: {} }]));
    for (const { socket } of clients) socket.destroy();
  });

  test('outlives clients that hang up in the middle of a line, or of a command', async () => {
    let finish = (): void => {};
    one.unplug.mockReturnValueOnce(
      new Promise((resolve) => {
        finish = resolve;
      }),
    );
    const client = new Client(path);
    client.socket.write('{"unplug": "b"}\n{"que');
    await vi.waitFor(() => expect(one.unplug).toHaveBeenCalled());
    client.socket.destroy();
    finish();
    expect(await say({ query: null })).toMatchObject([{ ok: {} }]);
  });

  test('answers the line under way before it closes', async () => {
    one.stop.mockImplementationOnce(async () => control.close());
    const client = new Client(path);
    expect(await client.saying('"stop"\n')).toEqual([{ ok: null }]);
  });

  test('keeps what comes before the machine runs, and hangs up where it does not start', async () => {
    const early = new ControlSocket(join(directory, 'early'));
    const client = new Client(join(directory, 'early'));
    client.socket.write('{"query": null}\n');
    await once(client.socket, 'connect');
    early.attach(one as unknown as ControlledMachine);
    await vi.waitFor(() => expect(client.answers).toMatchObject([{ ok: {} }]));
    early.close();
    const never = new ControlSocket(join(directory, 'never'));
    const other = new Client(join(directory, 'never'));
    const ended = other.saying('{"query": null}\n');
    await once(other.socket, 'connect');
    never.close();
    expect(await ended).toEqual([]);
  });
});
