/** The slots of a board as the machine asks for them and the guest empties them; the functions are elsewhere, behind a dispatcher. */
import { LoopbackDispatcher } from 'ioregion/ioregion';
import { EventFd, socketpair } from 'ioregion/native';
import { afterAll, describe, expect, test } from 'vitest';
import { functionBars } from '#dist/src/virtio/pci/index.js';
import { Feature } from '#dist/src/virtio/spec/index.js';
import { answerSlot } from '#dist/src/vmm/board/board-question.js';
import { BoardSlots } from '#dist/src/vmm/board/board-slots.js';
import { MachineSignal } from '#dist/src/vmm/board/machine-signal.js';
import { PciHotplug } from '#dist/src/vmm/devices/pci-hotplug.js';
import { createMeters } from '#dist/src/vmm/metrics/region-meters.js';
import { BarAllocator, PciBus } from '#dist/src/vmm/pci/index.js';
import { busDriver } from '#dist/test/support/bus-driver.js';
import { bringUp, FunctionSurroundings, QUEUES, SHAPE } from '#dist/test/support/placed-function.js';
import { expectOpenFds, openFds } from '../../support/open-fds.js';
import { SplitDriver } from '../virtio/support/split-driver.js';

const ECHO = new URL('../../../dist/test/support/echo-device.js', import.meta.url).href;

const dispatcher = new LoopbackDispatcher();
afterAll(() => dispatcher.close());

function board() {
  const bus = new PciBus();
  const meters = createMeters(Array.from({ length: 32 }, (_, slot) => `pci slot ${slot}`));
  const lost: unknown[] = [];
  const slots = new BoardSlots(bus, meters, (slot, reason) => void lost.push({ slot, reason }));
  let changes = 0;
  const hotplug = new PciHotplug({ onChange: () => void changes++, onEject: (slot) => slots.eject(slot) });
  const ask = (question: Parameters<typeof answerSlot>[2]) => answerSlot(slots, hotplug, question);
  const options = (slot: number) => ({
    slot,
    elsewhere: { dispatcher: dispatcher.id, config: 0, firmware: {}, regions: [] },
  });
  return { bus, slots, hotplug, ask, options, lost, changes: () => changes };
}

/** A function whose registers nobody serves: each access would wait until its deadline. */
class SilentDevice implements Disposable {
  readonly #dispatcher = new LoopbackDispatcher();
  readonly #ends = socketpair('seqpacket');

  constructor(deadlineMs: number) {
    const [here] = this.#ends;
    this.#dispatcher.addRegion({ space: 'mmio', gpa: 0, size: 4096, readFd: here, writeFd: here, deadlineMs });
  }

  get elsewhere() {
    return { dispatcher: this.#dispatcher.id, config: 0, firmware: {}, regions: [] };
  }

  [Symbol.dispose](): void {
    this.#dispatcher.close();
    for (const end of this.#ends) end.close();
  }
}

const yes = { failed: null };

describe('the slots of a board', () => {
  test('are filled, announced, asked for, emptied by the guest and filled again', async () => {
    const { slots, hotplug, ask, options, changes } = board();
    expect(await ask({ op: 'plug', options: options(4) })).toEqual(yes);
    expect([slots.has(4), hotplug.read(0, 4), changes()]).toEqual([true, 1 << 4, 1]);
    expect(await ask({ op: 'want', slot: 4 })).toEqual(yes);
    expect([hotplug.read(4, 4), changes()]).toEqual([1 << 4, 2]);
    hotplug.write(8, 4, 1 << 4);
    expect(slots.has(4)).toBe(false);
    expect(await ask({ op: 'release', slot: 4 })).toEqual(yes);
    expect(await ask({ op: 'release', slot: 4 })).toEqual(yes);
    expect(await ask({ op: 'plug', options: options(4) })).toEqual(yes);
    await slots.close();
  });

  test('that are taken are filled with nothing, and the guest hears of nothing', async () => {
    const { slots, ask, options, changes } = board();
    await ask({ op: 'plug', options: options(1) });
    expect(await ask({ op: 'plug', options: options(1) })).toEqual({ failed: expect.stringContaining('not free') });
    expect(await ask({ op: 'plug', options: options(0) })).toEqual({ failed: expect.stringContaining('not free') });
    expect(changes()).toBe(1);
    await slots.close();
  });

  test('that are empty are not asked for', async () => {
    const { ask, changes } = board();
    expect(await ask({ op: 'want', slot: 9 })).toEqual(yes);
    expect(changes()).toBe(0);
  });

  test('have a device that does not answer until its deadline: told once, and its registers read as all ones from then on', async () => {
    const { bus, slots, ask, lost } = board();
    using silent = new SilentDevice(20);
    expect(await ask({ op: 'plug', options: { slot: 5, elsewhere: silent.elsewhere } })).toEqual(yes);
    const read = () => bus.readConfig(5, 0, 0, 4);
    expect([read(), read()]).toEqual([0xffffffff, 0xffffffff]);
    expect(lost).toEqual([{ slot: 5, reason: 'deadline' }]);
    await slots.close();
  });

  test('end also what the guest has just taken out', async () => {
    const { slots, hotplug, ask, options } = board();
    await ask({ op: 'plug', options: options(2) });
    hotplug.write(8, 4, 1 << 2);
    await slots.close();
    await slots.close();
  });
});

test('a device that is ejected with requests in flight ends with them: nothing of it is left, and no memory is written any more', async () => {
  using surroundings = new FunctionSurroundings();
  const { bus, slots, hotplug, ask } = board();
  const bars = new BarAllocator().place(functionBars(SHAPE));
  const here = { device: { module: ECHO, options: { queues: QUEUES } }, ...surroundings.options, bars };
  const before = openFds();
  for (let round = 0; round < 3; round++) {
    expect(await ask({ op: 'plug', options: { slot: 6, here } })).toEqual(yes);
    const driver = busDriver(bus, 6, bars);
    const queue = new SplitDriver(surroundings.memory, 0);
    expect(bringUp(driver, queue.size, Feature.version1)).toBe(true);
    queue.send(Uint8Array.of(round));
    driver.kick(0);
    hotplug.write(8, 4, 1 << 6);
    expect([driver.status, slots.has(6)]).toEqual([0xff, false]);
    driver.kick(0);
    expect(await ask({ op: 'release', slot: 6 })).toEqual(yes);
    const { usedIndex } = queue;
    queue.send(Uint8Array.of(round));
    driver.kick(0);
    expect(queue.usedIndex).toBe(usedIndex);
    await expectOpenFds(before);
  }
  await slots.close();
});

test('the machine hears of devices that do not answer any more, each once, and why', () => {
  using eventfd = EventFd.create();
  const signal = MachineSignal.create(eventfd);
  const board = MachineSignal.open(signal.share());
  board.postLost(31, 'deadline');
  board.postLost(1, 'long-response');
  expect(signal.take()).toBeNull();
  const lost = [
    { slot: 1, reason: 'long-response' },
    { slot: 31, reason: 'deadline' },
  ];
  expect([signal.takeLost(), signal.takeLost()]).toEqual([lost, []]);
});

test('the machine hears of ejected slots, each once, beside what else the guest wants', () => {
  using eventfd = EventFd.create();
  const signal = MachineSignal.create(eventfd);
  const board = MachineSignal.open(signal.share());
  for (const slot of [31, 2, 2]) board.postEjected(slot);
  board.post('reset');
  expect(signal.take()).toEqual({ kind: 'reset' });
  expect([signal.takeEjected(), signal.takeEjected()]).toEqual([[2, 31], []]);
});
