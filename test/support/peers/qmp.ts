/** A client of QEMU's control socket: commands with their answers, and events. */
import { EventEmitter, once } from 'node:events';
import { connect, type Socket } from 'node:net';

interface Answer {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
  readonly event?: string;
  readonly data?: Record<string, unknown>;
}

type Settle = (answer: Answer) => void;

export class Qmp {
  /** `event` with the name and the data of each. */
  readonly events = new EventEmitter();
  readonly #socket: Socket;
  readonly #pending: Settle[] = [];
  #rest = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    socket.on('close', () => this.#fail());
    socket.on('error', () => {});
  }

  /** To a QEMU that listens at `path`. */
  static async connect(path: string): Promise<Qmp> {
    const socket = connect(path);
    await once(socket, 'connect');
    const qmp = new Qmp(socket);
    await qmp.execute('qmp_capabilities');
    return qmp;
  }

  /** Resolves with the command's result; rejects with what QEMU says is wrong. */
  async execute<Result = unknown>(command: string, parameters: Record<string, unknown> = {}): Promise<Result> {
    const answered = new Promise<Answer>((resolve) => this.#pending.push(resolve));
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: parameters })}\n`);
    const answer = await answered;
    if (answer.error !== undefined) throw new Error(`QMP ${command}: ${answer.error.desc}`);
    return answer.return as Result;
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) if (line.trim() !== '') this.#readAnswer(JSON.parse(line) as Answer);
  }

  #readAnswer(answer: Answer): void {
    if (answer.event !== undefined) this.events.emit('event', answer.event, answer.data ?? {});
    else if (answer.return !== undefined || answer.error !== undefined) this.#pending.shift()?.(answer);
  }

  #fail(): void {
    for (const settle of this.#pending.splice(0)) settle({ error: { desc: 'QEMU has closed the connection' } });
  }
}
