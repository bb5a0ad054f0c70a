/**
 * A device process that follows a script and then misbehaves: its arguments are steps, descriptor 3 is its channel. It
 * answers with 0x5000, 0x5001, … in the order of its responses.
 */
import { writeSync } from 'node:fs';
import { native } from 'ioregion/native';

const STDOUT = 1;
const CHANNEL = 3;
const MESSAGE_BYTES = 32;
const FIRST_VALUE = 0x5000;
const POLLIN = 1;

export type Step =
  /** Tells the test that it may begin. */
  | 'ready'
  /** Reads a command and responds. */
  | 'answer'
  /** Waits until a command is there, and leaves it unread. */
  | 'await'
  /** Reads a command. */
  | 'read'
  /** Sends as many bytes, in one call: a response where it is 32. */
  | `send:${number}`
  /** Sends a response of noise. */
  | 'noise'
  /** SIGKILL and SIGSTOP to itself. */
  | 'kill'
  | 'stop'
  /** Does nothing any more. */
  | 'idle'
  /** Hangs up, but lives on. */
  | 'close'
  /** Answers until the VMM hangs up. */
  | 'serve';

let value = FIRST_VALUE;

function send(bytes: number): void {
  const data = new Uint8Array(bytes).fill(0xee);
  if (bytes >= MESSAGE_BYTES) new DataView(data.buffer).setBigUint64(0, BigInt(value++), true);
  native.write(CHANNEL, data);
}

/** False where the VMM has hung up. */
function read(): boolean {
  const command = new Uint8Array(MESSAGE_BYTES);
  let got = 0;
  while (got < MESSAGE_BYTES) {
    const count = native.read(CHANNEL, command.subarray(got));
    if (count === 0) return false;
    got += count;
  }
  return true;
}

function answer(): boolean {
  const open = read();
  if (open) send(MESSAGE_BYTES);
  return open;
}

function idle(): void {
  native.poll(new Int32Array(), -1);
}

function hangUp(): void {
  native.close(CHANNEL);
  idle();
}

function perform(step: Step): void {
  if (step === 'ready') writeSync(STDOUT, 'ready\n');
  else if (step === 'answer') answer();
  else if (step === 'await') native.poll(Int32Array.of(CHANNEL, POLLIN), -1);
  else if (step === 'read') read();
  else if (step === 'noise') native.write(CHANNEL, new Uint8Array(MESSAGE_BYTES).fill(0xa5));
  else if (step === 'kill') process.kill(process.pid, 'SIGKILL');
  else if (step === 'stop') process.kill(process.pid, 'SIGSTOP');
  else if (step === 'idle') idle();
  else if (step === 'close') hangUp();
  else if (step === 'serve') while (answer());
  else send(Number(step.slice('send:'.length)));
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  for (const step of process.argv.slice(2)) perform(step as Step);
}
