/** The VMM's side of a scripted device process. */
import type { RegionFds } from 'ioregion/ioregion';
import { type Fd, type SocketType, socketpair } from 'ioregion/native';
import { NodeProcess } from '../support/processes.js';
import type { Step } from './scripted-device.js';

/** Longer than any test runs. */
const LIFETIME_MS = 300_000;

/** A process that serves one end of a channel, and the other end. */
export class ScriptedDevice implements RegionFds {
  readonly readFd: Fd;
  readonly writeFd: Fd;
  readonly #process: NodeProcess;

  private constructor(fd: Fd, process: NodeProcess) {
    this.readFd = fd;
    this.writeFd = fd;
    this.#process = process;
  }

  /** Resolves once the process runs its script. */
  static async start(socketType: SocketType, steps: readonly Step[]): Promise<ScriptedDevice> {
    const [vmm, device] = socketpair(socketType);
    const script = new URL('./scripted-device.js', import.meta.url).pathname;
    const process = new NodeProcess(script, steps.includes('ready') ? steps : ['ready', ...steps], {
      fd: device,
      timeoutMs: LIFETIME_MS,
    });
    device.close();
    try {
      await process.printed('ready');
      return new ScriptedDevice(vmm, process);
    } catch (error) {
      vmm.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.readFd.close();
    await this.#process.kill();
  }
}
