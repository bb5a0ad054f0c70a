import { execFileSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { Fd, PtyMaster, pipe, RawMode, setTerminalSize, terminalSize } from 'ioregion/native';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectOpenFds, openFds } from '../../support/open-fds.js';

const O_RDWR_NOCTTY = 0o402;
const NEWLINE = 10;
const CARRIAGE_RETURN = 13;

function openTerminal(path: string): Fd {
  return new Fd(openSync(path, O_RDWR_NOCTTY));
}

/** Line ends are translated from now on, as terminals do by default. */
function makeCooked(terminal: Fd): void {
  execFileSync('stty', ['sane'], { stdio: [terminal.number, 'ignore', 'inherit'], timeout: 10_000 });
}

describe('a pseudoterminal', () => {
  let before: string[];
  let master: PtyMaster;
  let slave: Fd;

  beforeEach(() => {
    before = openFds();
    master = PtyMaster.open();
    slave = openTerminal(master.path);
  });
  afterEach(async () => {
    master.close();
    slave.close();
    await expectOpenFds(before);
  });

  const readByte = (fd: Fd) => {
    const bytes = new Uint8Array(8);
    expect(fd.read(bytes)).toBe(1);
    return bytes[0];
  };

  it('passes bytes unchanged in both directions, without echo', () => {
    slave.write(Uint8Array.of(NEWLINE));
    expect(readByte(master)).toBe(NEWLINE);
    master.write(Uint8Array.of(CARRIAGE_RETURN));
    expect(readByte(slave)).toBe(CARRIAGE_RETURN);
    expect(master.read(new Uint8Array(8))).toBeNull();
  });

  it('has a size that both ends see', () => {
    setTerminalSize(master, { columns: 132, rows: 43 });
    expect(terminalSize(slave)).toEqual({ columns: 132, rows: 43 });
    expect(() => setTerminalSize(master, { columns: 65_536, rows: 1 })).toThrow(RangeError);
  });
});

describe('RawMode', () => {
  it('refuses what is no terminal, and leaks nothing', async () => {
    const { readEnd, writeEnd } = pipe();
    const before = openFds();
    expect(() => new RawMode(readEnd)).toThrow(expect.objectContaining({ errnoName: 'ENOTTY' }));
    expect(() => terminalSize(readEnd)).toThrow(expect.objectContaining({ errnoName: 'ENOTTY' }));
    await expectOpenFds(before);
    readEnd.close();
    writeEnd.close();
  });

  it('turns off the translation of line ends, and back on when it is closed, once', () => {
    const master = PtyMaster.open();
    const terminal = openTerminal(master.path);
    const writeNewline = () => {
      terminal.write(Uint8Array.of(NEWLINE));
      return master.read(new Uint8Array(8));
    };
    makeCooked(terminal);
    expect(writeNewline()).toBe(2);
    const raw = new RawMode(terminal);
    expect(writeNewline()).toBe(1);
    raw.close();
    raw.close();
    expect(writeNewline()).toBe(2);
    master.close();
    terminal.close();
  });
});
