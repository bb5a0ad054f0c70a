/** What a console device can be made with. */
import type { TerminalSize } from '../../../native/index.js';
import type { ConsoleBackend } from './backend.js';
import { ConsoleOptionError } from './errors.js';

export interface ConsolePortOptions {
  /** The device closes it. */
  readonly backend: ConsoleBackend;
  /** A terminal for people, rather than a channel between programs. Default: port 0 is one, others are not. */
  readonly console?: boolean;
  /** By which programs in the guest find the port: at most 128 bytes of UTF-8. Default none. */
  readonly name?: string;
}

export interface ConsoleDeviceOptions {
  /** 1 to 31. Port 0 is the one that drivers without multiport see. */
  readonly ports: readonly ConsolePortOptions[];
  /** Offer several ports, with control queues. Default: where there is more than one, or one with a name. */
  readonly multiport?: boolean;
}

export interface CheckedPort {
  readonly backend: ConsoleBackend;
  readonly isConsole: boolean;
  readonly name: Uint8Array;
}

export interface CheckedOptions {
  readonly ports: readonly CheckedPort[];
  readonly multiport: boolean;
}

/** As many as other devices offer. */
const MAX_PORTS = 31;
const MAX_NAME_BYTES = 128;

function check(condition: boolean, message: string): void {
  if (!condition) throw new ConsoleOptionError(message);
}

/** The options with their defaults. ConsoleOptionError names the first that is wrong. */
export function checkOptions({ ports, multiport }: ConsoleDeviceOptions): CheckedOptions {
  check(ports.length >= 1 && ports.length <= MAX_PORTS, `there must be 1 to ${MAX_PORTS} ports, not ${ports.length}`);
  const checked = ports.map(checkPort);
  const isNeeded = ports.length > 1 || checked[0]!.name.length > 0;
  check(multiport !== false || !isNeeded, 'several ports, or names, need multiport');
  return { ports: checked, multiport: multiport ?? isNeeded };
}

/** The size. ConsoleOptionError where no terminal has it. */
export function checkSize(size: TerminalSize): TerminalSize {
  const isCount = (count: number) => Number.isInteger(count) && count >= 0 && count <= 0xffff;
  check(isCount(size.columns) && isCount(size.rows), `no terminal has ${size.columns} columns and ${size.rows} rows`);
  return size;
}

function checkPort(options: ConsolePortOptions, index: number): CheckedPort {
  const { backend, console: isConsole = index === 0 } = options;
  const name = new TextEncoder().encode(options.name ?? '');
  check(name.length <= MAX_NAME_BYTES, `the name of port ${index} is longer than ${MAX_NAME_BYTES} bytes`);
  return { backend, isConsole, name };
}
