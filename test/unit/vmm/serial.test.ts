/** The UART as its driver sees it, and the streams on its other side. */
import { PassThrough } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { openUart, SerialPort, SerialState, Uart } from '#dist/src/vmm/devices/serial/index.js';

const IER = 1;
const IIR = 2;
const LCR = 3;
const MCR = 4;
const LSR = 5;
const MSR = 6;

class RecordedLine {
  readonly levels: boolean[] = [];
  set(high: boolean): void {
    this.levels.push(high);
  }
  get high(): boolean {
    return this.levels.at(-1) ?? false;
  }
}

function uart() {
  const line = new RecordedLine();
  const state = new SerialState(line);
  const wake = vi.fn();
  state.sleep();
  return { line, state, wake, uart: new Uart(state, wake) };
}

describe('the UART', () => {
  it('wakes its reader once for many bytes', () => {
    const { uart: device, wake, state } = uart();
    for (const byte of [1, 2, 3]) device.write(0, 1, byte);
    expect(wake).toHaveBeenCalledTimes(1);
    expect([...state.transmitted.takeAll()]).toEqual([1, 2, 3]);
  });

  it('says when it has no room, and drops and counts what comes all the same', () => {
    const { uart: device, state } = uart();
    const room = state.transmitted.room;
    for (let sent = 0; sent < room; sent++) device.write(0, 1, 0x55);
    expect(device.read(LSR, 1) & 0x60).toBe(0);
    device.write(0, 1, 0x56);
    expect(state.overruns).toBe(1);
    expect(state.transmitted.length).toBe(room);
    state.transmitted.takeAll();
    expect(device.read(LSR, 1) & 0x60).toBe(0x60);
  });

  it('interrupts while data waits and its interrupt is enabled', () => {
    const { uart: device, state, line } = uart();
    state.received.push(0x41);
    state.update();
    expect(line.high).toBe(false);
    device.write(IER, 1, 1);
    expect(line.high).toBe(true);
    expect(device.read(IIR, 1)).toBe(4);
    expect(device.read(LSR, 1) & 1).toBe(1);
    expect(device.read(0, 1)).toBe(0x41);
    expect(line.high).toBe(false);
    expect(device.read(IIR, 1)).toBe(1);
  });

  it('interrupts when it can take a byte, until that is read', () => {
    const { uart: device, line } = uart();
    device.write(IER, 1, 2);
    expect(line.high).toBe(true);
    expect(device.read(IIR, 1)).toBe(2);
    expect(line.high).toBe(false);
    device.write(0, 1, 0x41);
    expect(line.high).toBe(true);
  });

  it('does not interrupt for room while there is none', () => {
    const { uart: device, state, line } = uart();
    device.write(IER, 1, 2);
    while (state.transmitted.room > 0) device.write(0, 1, 0);
    expect(line.high).toBe(false);
    state.transmitted.takeAll();
    state.madeRoom();
    expect(line.high).toBe(true);
  });

  it('interrupts a driver that filled it just as its reader took all', () => {
    const { uart: device, state, line } = uart();
    device.write(IER, 1, 2);
    while (state.transmitted.room > 1) device.write(0, 1, 0);
    line.set = (high) => {
      line.levels.push(high);
      if (high) return;
      state.transmitted.takeAll();
      state.madeRoom();
    };
    device.write(0, 1, 0);
    expect(line.levels.slice(-2)).toEqual([false, true]);
  });

  it('interrupts a driver that waits for room in a full one', () => {
    const { uart: device, state, line } = uart();
    while (state.transmitted.room > 0) device.write(0, 1, 0);
    device.write(IER, 1, 2);
    expect(line.high).toBe(false);
    state.transmitted.takeAll();
    state.madeRoom();
    expect(line.high).toBe(true);
  });

  it('looks like a 16550A to a driver that probes', () => {
    const { uart: device } = uart();
    device.write(MCR, 1, 0x1a);
    expect(device.read(MSR, 1) & 0xf0).toBe(0x90);
    device.write(MCR, 1, 0);
    device.write(7, 1, 0xa5);
    expect(device.read(7, 1)).toBe(0xa5);
    device.write(2, 1, 1);
    expect(device.read(IIR, 1) & 0xc0).toBe(0xc0);
    device.write(LCR, 1, 0x80);
    device.write(0, 1, 0x0c);
    device.write(1, 1, 0x01);
    expect([device.read(0, 1), device.read(1, 1)]).toEqual([0x0c, 0x01]);
  });

  it('has registers of one byte', () => {
    const { uart: device, state } = uart();
    device.write(0, 2, 0x4141);
    expect(state.transmitted.length).toBe(0);
    expect(device.read(LSR, 4)).toBe(-1);
  });
});

describe('the serial port', () => {
  it('passes on in both directions', async () => {
    const line = new RecordedLine();
    const [input, output] = [new PassThrough(), new PassThrough()];
    const port = new SerialPort(line, { input, output });
    port.connect();
    const device = openUart(port.share(), line);
    device.write(IER, 1, 1);
    for (const byte of new TextEncoder().encode('hello')) device.write(0, 1, byte);
    await vi.waitFor(() => expect(output.read()?.toString()).toBe('hello'));
    input.write('ab');
    await vi.waitFor(() => expect(line.high).toBe(true));
    expect([device.read(0, 1), device.read(0, 1)]).toEqual([0x61, 0x62]);
    port.close();
  });

  it('looks at its streams when it is connected, and loses nothing that came before', async () => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const streams = {
      used: 0,
      get output() {
        this.used += 1;
        return output;
      },
      get input() {
        this.used += 1;
        return input;
      },
    };
    const port = new SerialPort(new RecordedLine(), streams);
    const device = openUart(port.share(), new RecordedLine());
    device.write(0, 1, 0x61);
    port.typeAhead(Uint8Array.of(0x62));
    input.write('c');
    expect([streams.used, device.read(0, 1)]).toEqual([0, 0x62]);
    port.connect();
    await vi.waitFor(() => expect(output.read()?.toString()).toBe('a'));
    await vi.waitFor(() => expect(device.read(LSR, 1) & 1).toBe(1));
    expect(device.read(0, 1)).toBe(0x63);
    port.close();
  });

  it('leaves streams alone that it was never connected to', () => {
    const streams = {
      get output(): PassThrough {
        throw new Error('looked at');
      },
    };
    const port = new SerialPort(new RecordedLine(), streams);
    expect(() => port.close()).not.toThrow();
  });

  it('lets the guest wait while its stream takes nothing, and loses nothing', async () => {
    const output = new PassThrough({ highWaterMark: 16 });
    const port = new SerialPort(new RecordedLine(), { output });
    port.connect();
    const device = openUart(port.share(), new RecordedLine());
    let sent = 0;
    const fill = () => {
      while ((device.read(LSR, 1) & 0x20) !== 0) device.write(0, 1, sent++ & 0xff);
    };
    fill();
    const received: number[] = [];
    await vi.waitFor(() => expect(output.readableLength).toBeGreaterThan(0));
    fill();
    expect(device.read(LSR, 1) & 0x20).toBe(0);
    output.on('data', (data: Uint8Array) => received.push(...data));
    await vi.waitFor(() => expect(received.length).toBe(sent));
    expect(received.every((byte, index) => byte === (index & 0xff))).toBe(true);
    expect(port.overruns).toBe(0);
    port.close();
  });

  it('gives a guest that reads slowly all of a long input', async () => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const port = new SerialPort(new RecordedLine(), { input, output });
    port.connect();
    const device = openUart(port.share(), new RecordedLine());
    const long = Uint8Array.from({ length: 5000 }, (_, index) => index & 0xff);
    input.write(long);
    const received: number[] = [];
    await vi.waitFor(
      () => {
        while ((device.read(LSR, 1) & 1) !== 0) received.push(device.read(0, 1));
        expect(received.length).toBe(long.length);
      },
      { timeout: 10_000 },
    );
    expect(Uint8Array.from(received)).toEqual(long);
    port.close();
  });
});
