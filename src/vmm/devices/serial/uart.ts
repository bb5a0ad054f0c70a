/** A 16550A UART, as its driver sees it. The other side is a SerialPort, on another thread. */
import type { RegisterDevice } from '../../../ioregion/device.js';
import type { SavedFields } from '../../../virtio/state/index.js';
import type { SerialState } from './serial-state.js';
import { Fcr, Ier, Iir, Lcr, Lsr, Mcr, Msr, UartRegister } from './uart-registers.js';

const ALL_ONES = 0xff;
/** 115200 baud. */
const DIVISOR = 1;
/** Somebody is there, and ready. */
const CONNECTED = Msr.cts | Msr.dsr | Msr.dcd;

export class Uart implements RegisterDevice {
  readonly #state: SerialState;
  readonly #wake: () => void;
  #lcr = 0;
  #mcr = 0;
  #scratch = 0;
  #fifo = false;
  #divisor = DIVISOR;

  /** `wake` tells the port that there is something to transmit. */
  constructor(state: SerialState, wake: () => void) {
    this.#state = state;
    this.#wake = wake;
  }

  /** Without what waits on either side: the port has that. */
  save(): unknown {
    const lines = { lcr: this.#lcr, mcr: this.#mcr, scratch: this.#scratch };
    return { ...lines, fifo: this.#fifo, divisor: this.#divisor, ier: this.#state.ier };
  }

  /** What was sent has been passed on: a driver that waits for room is told that there is. @throws SavedStateError */
  restore(saved: SavedFields): void {
    this.#lcr = saved.integer('lcr', 0xff);
    this.#mcr = saved.integer('mcr', 0x1f);
    this.#scratch = saved.integer('scratch', 0xff);
    this.#fifo = saved.boolean('fifo');
    this.#divisor = saved.integer('divisor', 0xffff);
    this.#state.setIer(saved.integer('ier', Ier.all));
  }

  /** Registers are bytes: other accesses read as all ones. */
  read(offset: number, size: number): number {
    if (size !== 1) return -1;
    switch (offset) {
      case UartRegister.data:
        return this.#dlab ? this.#divisor & 0xff : this.#receive();
      case UartRegister.interruptEnable:
        return this.#dlab ? this.#divisor >> 8 : this.#state.ier;
      case UartRegister.interruptIdentification:
        return this.#identify() | (this.#fifo ? Iir.fifo : 0);
      case UartRegister.lineControl:
        return this.#lcr;
      case UartRegister.modemControl:
        return this.#mcr;
      case UartRegister.lineStatus:
        return this.#lineStatus();
      case UartRegister.modemStatus:
        return (this.#mcr & Mcr.loop) === 0 ? CONNECTED : loopedStatus(this.#mcr);
      default:
        return offset === UartRegister.scratch ? this.#scratch : ALL_ONES;
    }
  }

  write(offset: number, size: number, value: number): void {
    if (size !== 1) return;
    switch (offset) {
      case UartRegister.data:
        if (this.#dlab) this.#divisor = (this.#divisor & 0xff00) | value;
        else this.#transmit(value);
        break;
      case UartRegister.interruptEnable:
        if (this.#dlab) this.#divisor = (this.#divisor & 0xff) | (value << 8);
        else this.#state.setIer(value & Ier.all);
        break;
      case UartRegister.interruptIdentification:
        this.#controlFifo(value);
        break;
      case UartRegister.lineControl:
        this.#lcr = value;
        break;
      case UartRegister.modemControl:
        this.#mcr = value & 0x1f;
        break;
      case UartRegister.scratch:
        this.#scratch = value;
    }
  }

  get #dlab(): boolean {
    return (this.#lcr & Lcr.dlab) !== 0;
  }

  #receive(): number {
    const byte = this.#state.received.shift();
    if (byte < 0) return 0;
    this.#state.update();
    if (this.#state.mustFeed()) this.#wake();
    return byte;
  }

  /** The ring stands for a line that is never slower than its reader: while it has room, the register is empty again. */
  #transmit(byte: number): void {
    const state = this.#state;
    if ((this.#mcr & Mcr.loop) !== 0) {
      state.received.push(byte);
      state.update();
      return;
    }
    if (!state.transmitted.push(byte)) state.countOverrun();
    else if ((state.ier & Ier.transmit) !== 0) state.waitForThrEmpty();
    if (state.mustWake()) this.#wake();
  }

  #identify(): number {
    const state = this.#state;
    if ((state.ier & Ier.receive) !== 0 && state.received.length > 0) return Iir.receive;
    if ((state.ier & Ier.transmit) === 0 || !state.thrEmpty) return Iir.none;
    state.setThrEmpty(false);
    return Iir.transmit;
  }

  #lineStatus(): number {
    const { received, transmitted } = this.#state;
    const ready = received.length > 0 ? Lsr.dataReady : 0;
    return transmitted.room > 0 ? ready | Lsr.holdingEmpty | Lsr.empty : ready;
  }

  #controlFifo(value: number): void {
    this.#fifo = (value & Fcr.enable) !== 0;
    if ((value & Fcr.clearReceive) === 0) return;
    this.#state.received.clear();
    this.#state.update();
  }
}

/** In loop-back mode the outputs of modem control are its inputs: by which drivers recognise a UART. */
function loopedStatus(mcr: number): number {
  const bit = (output: number, input: number): number => ((mcr & output) === 0 ? 0 : input);
  return bit(Mcr.rts, Msr.cts) | bit(Mcr.dtr, Msr.dsr) | bit(Mcr.out1, Msr.ring) | bit(Mcr.out2, Msr.dcd);
}
