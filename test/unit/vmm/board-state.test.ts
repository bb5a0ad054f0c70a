/** The small devices of the board, saved and restored; and states that are wrong. */
import { PassThrough } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';
import { SavedFields, type Suspendable } from '#dist/src/virtio/state/index.js';
import { BoardState } from '#dist/src/vmm/board/board-state.js';
import { Cmos } from '#dist/src/vmm/devices/cmos.js';
import { PciHotplug } from '#dist/src/vmm/devices/pci-hotplug.js';
import { PowerManagement } from '#dist/src/vmm/devices/power-management.js';
import { ResetControl } from '#dist/src/vmm/devices/reset-control.js';
import { openUart, SerialPort } from '#dist/src/vmm/devices/serial/index.js';
import { ConfigPorts, PciBus } from '#dist/src/vmm/pci/index.js';

function board(now = () => 0) {
  const levels: boolean[] = [];
  const typed: string[] = [];
  const line = { set: (high: boolean) => void levels.push(high) };
  const input = new PassThrough();
  const output = new PassThrough().on('data', (data: Uint8Array) => typed.push(String(data)));
  const port = new SerialPort({ set: () => {} }, { output, input });
  port.connect();
  const serial = openUart(port.share(), line);
  const reset = new ResetControl(() => {});
  const bus = new PciBus();
  const config = new ConfigPorts(bus, reset);
  const power = new PowerManagement({ line, onPowerOff: () => {}, now });
  const cmos = new Cmos();
  const hotplug = new PciHotplug({ onChange: () => {}, onEject: () => false });
  const one: Suspendable = {
    suspend: vi.fn(),
    quiet: true,
    save: () => ({ state: 'of the function' }),
    restore: vi.fn(),
    resume: vi.fn(),
  };
  const state = new BoardState({ serial, config, reset, power, hotplug, cmos }, new Map([[3, one]]), bus);
  return { levels, port, input, serial, config, power, cmos, one, state };
}

const refused = expect.objectContaining({ code: 'ERR_IOREGION_SAVED_STATE' });

describe('the state of a board', () => {
  test('has the registers of all its devices, and those of its functions', () => {
    const first = board(() => 1000);
    first.serial.write(3, 1, 0x83);
    first.serial.write(0, 1, 12);
    first.serial.write(3, 1, 0x13);
    first.serial.write(7, 1, 0x5a);
    first.serial.write(1, 1, 1);
    first.config.write(0, 4, 0x8000_1800);
    first.power.write(2, 2, 0x0120);
    first.cmos.write(0, 1, 0x20);
    first.cmos.write(1, 1, 0x77);
    const second = board(() => 5000);
    second.state.restore(structuredClone(first.state.save()));
    expect([second.serial.read(3, 1), second.serial.read(7, 1), second.serial.read(1, 1)]).toEqual([0x13, 0x5a, 1]);
    second.serial.write(3, 1, 0x83);
    expect(second.serial.read(0, 1)).toBe(12);
    expect([second.config.read(0, 4), second.power.read(2, 2)]).toEqual([0x8000_1800, 0x0120]);
    expect(second.cmos.read(1, 1)).toBe(0x77);
    expect(second.power.read(8, 4)).toBe(3_579_545);
    expect(second.one.restore).toHaveBeenCalledWith({ state: 'of the function' });
  });

  test('raises the line again of an event that waits', () => {
    const first = board();
    first.power.write(2, 2, 0x0100);
    first.power.pressPowerButton();
    const second = board();
    second.state.restore(first.state.save());
    expect(second.levels).toEqual([true]);
    expect(second.power.read(0, 2)).toBe(0x0100);
  });

  test('suspends, resumes and is as quiet as its functions', () => {
    const { state, one } = board();
    state.suspend();
    state.resume();
    expect([one.suspend, one.resume].map((call) => vi.mocked(call).mock.calls.length)).toEqual([1, 1]);
    expect(state.quiet).toBe(true);
    Object.defineProperty(one, 'quiet', { value: false });
    expect(state.quiet).toBe(false);
  });

  test.each([
    ['nothing', null],
    ['a device less', {}],
    ['a wrong register', { cmos: { index: 200, stored: new Uint8Array(128) } }],
    ['too much memory', { cmos: { index: 0, stored: new Uint8Array(129) } }],
    ['a divisor that no register holds', { serial: { divisor: 0x1_0000 } }],
  ])('with %s is refused', (_, change) => {
    const good = board().state.save() as object;
    const wrong = change === null ? null : Object.keys(change).length === 0 ? {} : { ...good, ...change };
    expect(() => board().state.restore(wrong)).toThrow(refused);
  });

  test('keeps what was typed and not read, before what is typed later', () => {
    const first = board();
    first.port.typeAhead(new TextEncoder().encode('abc'));
    expect(String.fromCharCode(first.serial.read(0, 1))).toBe('a');
    const { unread } = first.port;
    expect(new TextDecoder().decode(unread)).toBe('bc');
    const second = board();
    second.port.typeAhead(unread);
    const read = [0, 1].map(() => String.fromCharCode(second.serial.read(0, 1)));
    expect(read.join('')).toBe('bc');
    expect(() => new SavedFields([], 'it')).toThrow(refused);
  });
});
