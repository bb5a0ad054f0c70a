/** The serial port: a 16550A UART for the guest, streams for everybody else. */
import { EventFd } from '../../../native/index.js';
import type { IrqLine } from '../irq-line.js';
import type { SharedSerial } from './serial-port.js';
import { SerialState } from './serial-state.js';
import { Uart } from './uart.js';

export { SerialPort, type SerialStreams, type SharedSerial } from './serial-port.js';
export { SerialState } from './serial-state.js';
export { Uart } from './uart.js';
export { UART_PORTS } from './uart-registers.js';

/** The registers of a port, on the thread that serves them. */
export function openUart({ state, wake }: SharedSerial, line: IrqLine): Uart {
  const eventfd = new EventFd(wake);
  return new Uart(new SerialState(line, state), () => eventfd.signal());
}
