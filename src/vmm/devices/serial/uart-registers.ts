/** Registers and bits of a 16550A UART. */
export const UartRegister = {
  /** Receiver buffer and transmitter holding register; with DLAB the divisor's low byte. */
  data: 0,
  /** With DLAB the divisor's high byte. */
  interruptEnable: 1,
  /** Written: FIFO control. */
  interruptIdentification: 2,
  lineControl: 3,
  modemControl: 4,
  lineStatus: 5,
  modemStatus: 6,
  scratch: 7,
} as const;

export const UART_PORTS = 8;

export const Ier = { receive: 1, transmit: 2, all: 0xf } as const;
export const Iir = { none: 1, transmit: 2, receive: 4, fifo: 0xc0 } as const;
export const Lcr = { dlab: 0x80 } as const;
export const Mcr = { dtr: 1, rts: 2, out1: 4, out2: 8, loop: 16 } as const;
export const Lsr = { dataReady: 1, holdingEmpty: 0x20, empty: 0x40 } as const;
export const Msr = { cts: 0x10, dsr: 0x20, ring: 0x40, dcd: 0x80 } as const;
export const Fcr = { enable: 1, clearReceive: 2 } as const;
