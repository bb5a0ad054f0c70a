/** A port on standard input and output, whatever those are. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { constants, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fd, PtyMaster, setTerminalSize } from 'ioregion/native';
import { describe, expect, it, onTestFinished } from 'vitest';
import { layer } from '../../../../support/script.js';
import { temporaryDirectory } from '../../../../support/temporary.js';

const TIMEOUT_MS = 20_000;
const directory = temporaryDirectory();
const ringDriver = JSON.stringify(new URL('../../../../../dist/test/support/ring-driver.js', import.meta.url).href);

/**
 * A guest that says what its input is, in capital letters, until it reads a `q`, with its size first and wherever it reads
 * an `s`. With an argument it prints that instead, after it has asked for input.
 */
const GUEST = `
  import { ConsoleDevice, StdioBackend } from ${layer('virtio')};
  import { RingDriver } from ${ringDriver};
  const device = new ConsoleDevice({ ports: [{ backend: new StdioBackend() }] });
  const driver = new RingDriver(device);
  driver.start();
  const print = (text) => driver.ring(1).send([{ bytes: Uint8Array.from(Buffer.from(text)) }]);
  const printSize = () => print(device.config.size.columns + 'x' + device.config.size.rows + '\\n');
  await printSize();
  for (let text = ''; !text.includes('q'); ) {
    const input = driver.ring(0).send([{ room: 100 }]);
    if (process.argv[2] !== undefined) break;
    text = Buffer.from((await input).data).toString();
    await print(text.toUpperCase());
    if (text.includes('s')) await printSize();
  }
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
  await print(process.argv[2] ?? '');
  await driver.close();
`;
const script = join(directory, 'guest.mjs');
writeFileSync(script, GUEST);

/** The output of a child up to and including `end`. */
async function readUntil(output: NodeJS.ReadableStream, end: string): Promise<string> {
  let text = '';
  for await (const data of output) {
    text += data.toString();
    if (text.endsWith(end)) return text;
  }
  throw new Error(`the output ended with ${JSON.stringify(text)}`);
}

function startGuest(stdio: [Fd, Fd] | 'pipe'): ChildProcess {
  const [input, output] = stdio === 'pipe' ? ['pipe' as const, 'pipe' as const] : stdio.map(({ number }) => number);
  const child = spawn(process.execPath, [script], { stdio: [input, output, 'inherit'], timeout: TIMEOUT_MS });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

const inShell = (command: string) =>
  spawnSync('bash', ['-c', command, 'bash', process.execPath, script, directory], {
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
  });

describe('a port on standard input and output', () => {
  it('works on sockets', async () => {
    const child = startGuest('pipe');
    expect(await readUntil(child.stdout!, '0x0\n')).toBe('0x0\n');
    child.stdin!.write('hello q');
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
  });

  it('works on pipes', () => {
    const { stdout, stderr } = inShell('echo hello q | "$1" "$2" | cat');
    expect([stdout, stderr]).toEqual(['0x0\nHELLO Q\n', '']);
  });

  it('works on files, which nobody can wait for', () => {
    writeFileSync(join(directory, 'in'), 'hello q\n');
    const { status, stderr } = inShell('cd "$3" && "$1" "$2" < in > out');
    expect([status, stderr]).toEqual([0, '']);
    expect(readFileSync(join(directory, 'out'), 'utf8')).toBe('0x0\nHELLO Q\n');
  });

  it('goes on with its output when the input has ended', () => {
    const { stdout } = inShell('"$1" "$2" "still here" < /dev/null');
    expect(stdout).toBe('0x0\nstill here');
  });

  it('leaves pipes that others share as they were: their reads and writes wait as before', () => {
    const flags = 'grep flags: /proc/self/fdinfo/0 /proc/self/fdinfo/1 >&2';
    const { stderr } = inShell(`echo q | { ${flags}; "$1" "$2"; ${flags}; } | cat`);
    const lines = stderr.trim().split('\n');
    expect(lines).toHaveLength(4);
    expect(lines.slice(2)).toEqual(lines.slice(0, 2));
  });

  it('puts a terminal in raw mode, tells its size and its changes, and leaves it as it was', async () => {
    const master = PtyMaster.open();
    const slave = new Fd(openSync(master.path, constants.O_RDWR | constants.O_NOCTTY));
    onTestFinished(() => {
      master.close();
      slave.close();
    });
    const modes = (...args: string[]) =>
      execFileSync('stty', args, { stdio: [slave.number, 'pipe', 'inherit'], encoding: 'utf8', timeout: TIMEOUT_MS });
    modes('sane');
    const before = modes('-g');
    setTerminalSize(slave, { columns: 80, rows: 25 });
    const child = startGuest([slave, slave]);
    const bytes = new Uint8Array(1000);
    let text = '';
    const readMore = () => {
      const count = master.read(bytes) ?? 0;
      text += Buffer.from(bytes.subarray(0, count)).toString();
      return text;
    };
    await expect.poll(readMore, { timeout: TIMEOUT_MS }).toBe('80x25\n');
    master.write(Buffer.from('a\u0003b'));
    await expect.poll(readMore, { timeout: TIMEOUT_MS }).toBe('80x25\nA\u0003B');
    expect(modes('-g')).not.toBe(before);
    setTerminalSize(slave, { columns: 132, rows: 43 });
    child.kill('SIGWINCH');
    const askForSize = () => {
      master.write(Buffer.from('s'));
      return readMore();
    };
    await expect.poll(askForSize, { timeout: TIMEOUT_MS }).toContain('132x43');
    master.write(Buffer.from('q'));
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
    expect(modes('-g')).toBe(before);
  });
});
