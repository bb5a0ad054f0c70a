/** Devices that come and go, without KVM: the board and its guest are the test's. */
import { GuestMemory } from 'ioregion/memory';
import { afterAll, describe, expect, test, vi } from 'vitest';
import type { DeviceInfo, DeviceSpec, MachineContext } from '#dist/src/vmm/attach/index.js';
import type { SlotAnswer, SlotQuestion } from '#dist/src/vmm/board/board-question.js';
import { DeviceBay } from '#dist/src/vmm/machine/device-bay.js';
import { expectOpenFds, openFds } from '../../support/open-fds.js';

const memory = GuestMemory.create(2 ** 20);
afterAll(() => memory.close());
const context = { vm: { fd: { number: 99 } }, memory, routes: {}, onFailure: () => {} } as unknown as MachineContext;

const spec = (id: string, more: Partial<DeviceSpec> = {}): DeviceSpec => {
  const device = { module: 'none' };
  return { id, name: `blk ${id}.img`, device, queues: 1, configLength: 60, attach: 'inline', ...more };
};

/** A board that says yes, and remembers what it was asked; `hold` makes it take its time. */
class TestBoard {
  readonly asked: SlotQuestion[] = [];
  answer: () => Promise<SlotAnswer> = async () => ({ failed: null });

  async ask(question: unknown): Promise<unknown> {
    this.asked.push(question as SlotQuestion);
    return await this.answer();
  }
}

async function bay(specs: readonly DeviceSpec[] = []) {
  const events: [string, unknown][] = [];
  const heard = (name: string) => (one: unknown) => void events.push([name, one]);
  const made = new DeviceBay(specs, {
    plugged: heard('plugged'),
    unplugged: heard('unplugged'),
    failed: heard('failed'),
  });
  await made.powerOn(context, false);
  const board = new TestBoard();
  made.connect(board);
  return { made, board, events };
}

const coded = (code: string) => expect.objectContaining({ code: `ERR_IOREGION_${code}` });
const ids = (devices: readonly DeviceInfo[]) => devices.map(({ id, slot }) => [id, slot]);

describe('plugging a device in', () => {
  test('takes the lowest free slot, tells the board and then everybody', async () => {
    const { made, board, events } = await bay([spec('a'), spec('b')]);
    const info = await made.plug(spec('c'), {});
    expect(info).toEqual({ id: 'c', name: 'blk c.img', attach: 'inline', slot: 3 });
    expect(board.asked).toMatchObject([{ op: 'plug', options: { slot: 3, here: { bars: {} } } }]);
    expect(events).toEqual([['plugged', info]]);
    expect(ids(made.infos)).toEqual([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ]);
    await made.powerOff();
  });

  test('two at once get slots of their own', async () => {
    const { made } = await bay();
    const both = await Promise.all([made.plug(spec('a'), {}), made.plug(spec('b'), {})]);
    expect(both.map(({ slot }) => slot)).toEqual([1, 2]);
    await made.powerOff();
  });

  test('is refused where the id is taken, also by one that is on its way, and where the bus is full', async () => {
    const { made } = await bay(Array.from({ length: 30 }, (_, index) => spec(`d${index}`)));
    await expect(made.plug(spec('d7'), {})).rejects.toThrow(coded('DEVICE_ID'));
    const last = made.plug(spec('x'), {});
    await expect(made.plug(spec('x'), {})).rejects.toThrow(coded('DEVICE_ID'));
    await expect(made.plug(spec('y'), {})).rejects.toThrow(coded('BUS_FULL'));
    expect((await last).slot).toBe(31);
    await made.powerOff();
  });

  test('leaves nothing behind where the device, the board or the caller does not go along', async () => {
    const { made, board, events } = await bay();
    const before = openFds();
    const broken = spec('a', { check: () => Promise.reject(new Error('no such image')) });
    await expect(made.plug(broken, {})).rejects.toThrow('no such image');
    board.answer = async () => ({ failed: 'its Worker ended' });
    await expect(made.plug(spec('a'), {})).rejects.toThrow(coded('PLUG'));
    await expect(made.plug(spec('a'), { signal: AbortSignal.abort(new Error('never mind')) })).rejects.toThrow('never');
    const abort = new AbortController();
    const check = async () => abort.abort(new Error('enough'));
    await expect(made.plug(spec('a', { check }), { signal: abort.signal })).rejects.toThrow('enough');
    await expectOpenFds(before);
    expect([made.infos, events, board.asked.length]).toEqual([[], [], 1]);
    await made.powerOff();
  });
});

describe('unplugging a device', () => {
  test('asks the guest, waits for it, and closes what is left', async () => {
    const { made, board, events } = await bay();
    const before = openFds();
    const info = await made.plug(spec('a'), {});
    const gone = made.unplug('a', {});
    await vi.waitFor(() => expect(board.asked.at(-1)).toEqual({ op: 'want', slot: 1 }));
    expect(made.infos).toHaveLength(1);
    made.ejected([1]);
    await gone;
    expect(board.asked.at(-1)).toEqual({ op: 'release', slot: 1 });
    expect([made.infos, events.at(-1)]).toEqual([[], ['unplugged', info]]);
    await expectOpenFds(before);
    expect((await made.plug(spec('a'), {})).slot).toBe(1);
    await made.powerOff();
  });

  test('by the guest itself is an event, also of a device that was there from the start', async () => {
    const { made, events } = await bay([spec('a')]);
    made.ejected([1, 1, 5]);
    await made.idle();
    expect(events).toEqual([['unplugged', expect.objectContaining({ id: 'a', slot: 1 })]]);
    await made.powerOff();
  });

  test('that the guest does before the board has answered waits for the device to be there', async () => {
    const { made, board, events } = await bay();
    let answer: (answer: SlotAnswer) => void = () => {};
    board.answer = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const plugged = made.plug(spec('a'), {});
    await vi.waitFor(() => expect(board.asked).toHaveLength(1));
    made.ejected([1]);
    board.answer = async () => ({ failed: null });
    answer({ failed: null });
    await plugged;
    await made.idle();
    expect(events.map(([name]) => name)).toContain('unplugged');
    expect(made.infos).toEqual([]);
    await made.powerOff();
  });

  test('has a time limit and a signal; the guest may let go later', async () => {
    const { made } = await bay([spec('a')]);
    await expect(made.unplug('a', { timeoutMs: 1 })).rejects.toThrow(coded('UNPLUG_TIMEOUT'));
    const abort = new AbortController();
    const waiting = made.unplug('a', { signal: abort.signal });
    abort.abort(new Error('never mind'));
    await expect(waiting).rejects.toThrow('never mind');
    expect(made.infos).toHaveLength(1);
    made.ejected([1]);
    await made.idle();
    expect(made.infos).toEqual([]);
    await made.powerOff();
  });

  test('is refused for an id that nothing has, or several have', async () => {
    const { made, board } = await bay([spec('a'), spec('a')]);
    await expect(made.unplug('b', {})).rejects.toThrow(coded('DEVICE_ID'));
    await expect(made.unplug('a', {})).rejects.toThrow('is 2 devices');
    expect(board.asked).toEqual([]);
    await made.powerOff();
  });

  test('comes true by a power cycle', async () => {
    const { made, events } = await bay([spec('a'), spec('b')]);
    const gone = made.unplug('a', {});
    made.disconnect();
    await made.powerOff();
    await gone;
    expect([ids(made.infos), events.map(([name]) => name)]).toEqual([[['b', 2]], ['unplugged']]);
  });
});

describe('the end of the machine', () => {
  test('is a coded error for who plugs in or unplugs, and no failure of a device that leaves', async () => {
    const { made, board, events } = await bay([spec('a'), spec('b')]);
    const before = openFds();
    let fail: (error: Error) => void = () => {};
    board.answer = () =>
      new Promise((_, reject) => {
        fail = reject;
      });
    made.ejected([2]);
    await vi.waitFor(() => expect(board.asked).toHaveLength(1));
    made.disconnect();
    fail(new Error('the vCPU is closed'));
    await made.idle();
    await expect(made.plug(spec('c'), {})).rejects.toThrow(coded('MACHINE_STATE'));
    await expect(made.unplug('a', {})).rejects.toThrow(coded('MACHINE_STATE'));
    expect(events.map(([name]) => name)).toEqual(['unplugged']);
    await made.powerOff();
    expect(openFds().length).toBeLessThan(before.length);
  });
});
