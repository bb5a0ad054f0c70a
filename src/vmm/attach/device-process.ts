/** The process of a device: `ioregion region-server`, started for it and ended with it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type DeviceConnection, DevicePort, deviceProcessEnvironment } from '../../ioregion/index.js';
import { entryFile } from '../../native/entry-file.js';
import { undoOnFailure } from '../../native/index.js';
import { FUNCTION_MODULE } from '../../virtio/pci/index.js';
import { DeviceProcessError } from '../errors.js';
import type { DeviceSpec } from './device-spec.js';

const COMMAND = fileURLToPath(entryFile(new URL('../../cli/main.js', import.meta.url), 'ioregion.cjs'));
/** How long a process may take to end once its machine has hung up, ms. */
const END_MS = 10_000;
/** And once it has itself, without its device. */
const HUNG_UP_MS = 1000;

type ProcessSpec = Pick<DeviceSpec, 'name' | 'isBuiltIn' | 'cpus' | 'spinNs'>;

export class DeviceProcess {
  /** Resolves when the process has connected. Rejects with DeviceProcessError where it ends before. */
  readonly connection: Promise<DeviceConnection>;
  /** Resolves with why, when the process is gone. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  /** Rejects when the process is gone. */
  readonly #gone: Promise<never>;
  #killedFor: string | null = null;
  #isLimited = false;

  /** @throws SystemError and the like where there is no room for a socket in the directory for temporary files */
  static start(spec: ProcessSpec, options: unknown): DeviceProcess {
    return undoOnFailure((undo) => {
      const directory = mkdtempSync(join(tmpdir(), 'ioregion-device-'));
      undo.defer(() => rmSync(directory, { recursive: true, force: true }));
      const socket = join(directory, 'port');
      const port = undo.use(DevicePort.listen(socket));
      const child = startProcess(spec, options, socket);
      return new DeviceProcess(spec.name, child, port, directory);
    });
  }

  private constructor(name: string, child: ChildProcess, port: DevicePort, directory: string) {
    this.#child = child;
    this.ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => {
        resolve(this.#killedFor ?? `it ended with ${signal ?? `status ${code}`}`);
      });
    });
    this.#gone = this.ended.then((reason) => {
      throw new DeviceProcessError(name, reason);
    });
    this.#gone.catch(() => {});
    this.connection = Promise.race([port.accept(), this.#gone]).finally(() => {
      port.close();
      rmSync(directory, { recursive: true, force: true });
    });
    this.connection.catch(() => {});
  }

  /** Resolves when the process, which has its offer, has made its device. Rejects with DeviceProcessError where it ends before. */
  async ready(): Promise<void> {
    const connection = await this.connection;
    let timer: NodeJS.Timeout | undefined;
    const ready = connection.ready().catch(() => {
      timer = setTimeout(() => this.kill('it hung up before its device was there'), HUNG_UP_MS);
      return this.#gone;
    });
    await Promise.race([ready, this.#gone]).finally(() => clearTimeout(timer));
  }

  /** Also of a process that is stopped. `reason`: why it is gone then. */
  kill(reason: string): void {
    this.#killedFor ??= reason;
    this.#child.kill('SIGKILL');
  }

  /** From now on it has this long to end: one that does not, because it is stopped or stuck, is killed. Once. */
  limit(limitMs = END_MS): void {
    if (this.#isLimited) return;
    this.#isLimited = true;
    const timer = setTimeout(() => this.kill(`it had not ended ${limitMs} ms after its machine`), limitMs);
    void this.ended.then(() => clearTimeout(timer));
  }

  /** Of a process whose channels are closed, which it ends for. */
  async end(limitMs = END_MS): Promise<void> {
    this.connection.then(
      (connection) => connection.close(),
      () => {},
    );
    this.limit(limitMs);
    await this.ended;
  }
}

/** Out of reach of a terminal's signals: it ends when its machine hangs up, however that ends. */
function startProcess(spec: ProcessSpec, options: unknown, socket: string): ChildProcess {
  return spawn(process.execPath, [COMMAND, ...commandLine(spec, options, socket)], {
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
    ...(spec.isBuiltIn === true ? { env: deviceProcessEnvironment() } : {}),
  });
}

function commandLine({ cpus, spinNs }: ProcessSpec, options: unknown, socket: string): string[] {
  return [
    ...['region-server', '--socket', socket, '--options', JSON.stringify(options)],
    ...(cpus === undefined ? [] : ['--cpu', cpus.join('+')]),
    ...(spinNs === undefined ? [] : ['--spin', String(spinNs)]),
    fileURLToPath(FUNCTION_MODULE),
  ];
}
