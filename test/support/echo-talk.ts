/** One side of a conversation: says line after line, and checks that each comes back, once and in order. */
import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';

const DIGEST = 64;

/** Each line is another one, and as long as it is told to be. */
function lineOf(number: number, length: number): string {
  const digest = createHash('sha256').update(String(number)).digest('hex');
  return `${number} ${digest.repeat(Math.ceil(length / DIGEST)).slice(0, length)}`;
}

export interface TalkOptions {
  /** Characters of a line, about. */
  readonly length: number;
  /** The most lines that are said before the first of them has come back. */
  readonly ahead: number;
}

export class EchoTalk {
  /** Lines that have come back, as they were said. */
  echoed = 0;
  readonly #stream: Duplex;
  readonly #options: TalkOptions;
  #said = 0;
  #rest = '';
  #ending = false;
  #wrong: Error | null = null;
  #heard: () => void = () => {};

  constructor(stream: Duplex, options: TalkOptions) {
    this.#stream = stream;
    this.#options = options;
    stream.on('data', (data: Uint8Array) => this.#hear(String(data)));
    this.#say();
  }

  /** Resolves when so many lines have come back. Rejects where one is not what was said. */
  async until(echoed: number): Promise<void> {
    while (this.echoed < echoed) {
      if (this.#wrong !== null) throw this.#wrong;
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  /** Resolves when all that was said has come back. */
  async end(): Promise<void> {
    this.#ending = true;
    await this.until(this.#said);
  }

  #say(): void {
    const { length, ahead } = this.#options;
    while (!this.#ending && this.#said - this.echoed < ahead) this.#stream.write(`${lineOf(this.#said++, length)}\n`);
  }

  #hear(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) {
      const expected = lineOf(this.echoed, this.#options.length);
      if (line !== expected) this.#wrong ??= new Error(`"${line.slice(0, 40)}" is not "${expected.slice(0, 40)}"`);
      this.echoed++;
    }
    this.#say();
    this.#heard();
  }
}
