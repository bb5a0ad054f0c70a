/** What a guest prints: its TAP becomes a subtest, and what it says to the host can be waited for. */
import { PassThrough, type Readable } from 'node:stream';
import type { Test } from 'tap';
import type { PeerProcess } from './peer-process.js';

const TAP_LINE = /^(?:ok|not ok) \d|^1\.\.\d|^# /;
const PLAN = /^1\.\.[1-9]/;
const SAID = '# say: ';
const SHOWN_LINES = 60;

interface Waiter {
  readonly text: string;
  resolve(line: string): void;
  reject(error: Error): void;
}

export class GuestConsole {
  readonly #peer: PeerProcess;
  readonly #tap = new PassThrough();
  readonly #said: string[] = [];
  readonly #waiters = new Set<Waiter>();
  #rest = '';
  #finished = false;
  #ended = false;

  constructor(peer: PeerProcess, stream: Readable) {
    this.#peer = peer;
    stream.on('data', (text: string) => this.#read(text));
    peer.exited.finally(() => this.#end()).catch(() => {});
  }

  /** The guest's tests as a subtest: it passes where the guest finished its plan and every point of it is ok. */
  async asSubtest(test: Test, name: string): Promise<void> {
    await test.stdin(name, { tapStream: this.#tap });
    await this.#peer.exited;
    test.ok(this.#finished, `${name}: came to its end${this.#peer.timedOut ? ', not in time' : ''}`);
    if (!test.passing()) test.comment(`${name}: last lines of the peer\n${this.lastLines()}`);
  }

  /** Resolves with the first line that the guest has said, or says, to the host that starts with `text`. */
  said(text: string): Promise<string> {
    const line = this.#said.find((candidate) => candidate.startsWith(text));
    if (line !== undefined) return Promise.resolve(line);
    if (this.#ended) return Promise.reject(this.#neverSaid(text));
    return new Promise((resolve, reject) => this.#waiters.add({ text, resolve, reject }));
  }

  /** A line for a guest that reads one. */
  tell(line: string): void {
    this.#peer.child.stdin!.write(`${line}\n`);
  }

  lastLines(): string {
    return this.#peer.output.split('\n').slice(-SHOWN_LINES).join('\n');
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split(/\r*\n/);
    this.#rest = lines.pop()!;
    for (const line of lines) this.#readLine(line);
  }

  #readLine(line: string): void {
    if (line.startsWith(SAID)) this.#hear(line.slice(SAID.length));
    else if (TAP_LINE.test(line)) this.#pass(line);
  }

  #pass(line: string): void {
    this.#finished ||= PLAN.test(line);
    this.#tap.write(`${line}\n`);
  }

  #hear(line: string): void {
    this.#said.push(line);
    for (const waiter of this.#waiters) {
      if (!line.startsWith(waiter.text)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(line);
    }
  }

  #end(): void {
    this.#ended = true;
    this.#tap.end();
    for (const { text, reject } of this.#waiters) reject(this.#neverSaid(text));
  }

  #neverSaid(text: string): Error {
    return new Error(`the guest ended without "${text}":\n${this.lastLines()}`);
  }
}
