/** `ioregion control` as a program, against a control socket of the test's machine. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import type { ControlledMachine } from '#dist/src/cli/control/command.js';
import { ControlSocket } from '#dist/src/cli/control/control-socket.js';
import { runNode } from '../../support/processes.js';
import { temporaryDirectory } from '../../support/temporary.js';

const PROGRAM = fileURLToPath(new URL('../../../dist/src/cli/main.js', import.meta.url));
const path = join(temporaryDirectory(), 'control');
const asked: unknown[] = [];
const device = { id: 'data', name: 'blk data.img', attach: 'thread', slot: 3 };
const control = new ControlSocket(path);
control.attach({
  state: 'running',
  devices: [device],
  plug: async (description: unknown) => {
    asked.push(description);
    return device;
  },
  pause: async () => {},
} as unknown as ControlledMachine);
afterAll(() => control.close());

describe('ioregion control', () => {
  test('says a command, and prints the answer', async () => {
    const plugged = await runNode(PROGRAM, ['control', path, 'plug', 'disk=data.img,attach=thread,id=data']);
    expect([plugged.code, plugged.stderr, JSON.parse(plugged.stdout)]).toEqual([0, '', device]);
    expect(asked).toEqual([{ disk: { path: 'data.img', attach: 'thread', id: 'data' } }]);
    const paused = await runNode(PROGRAM, ['control', path, 'pause']);
    expect([paused.code, paused.stdout, paused.stderr]).toEqual([0, '', '']);
  });

  test('ends with status 1 and the reason where the machine refuses, or is not there', async () => {
    const refused = await runNode(PROGRAM, ['control', path, 'unplug', '{"id": "data", "timeoutMs": -5}']);
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toMatch(/^ioregion: timeoutMs .*\(ERR_IOREGION_CONTROL\)\n$/);
    const nobody = await runNode(PROGRAM, ['control', `${path}-none`, 'query']);
    expect(nobody.code).toBe(1);
    expect(nobody.stderr).toMatch(/^ioregion: no machine can be reached at .*\(ENOENT\) \(ERR_IOREGION_CONTROL\)\n$/);
  });
});
