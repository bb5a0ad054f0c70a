/** SIGUSR2 saves a machine and ends it: its images stay as they are in the snapshot. */
import type { SnapshotSize, VirtualMachine } from '../vmm/index.js';

type Saved = Pick<VirtualMachine, 'pause' | 'snapshot' | 'resume' | 'stop' | 'state'>;

const MIB = 2 ** 20;

export class SnapshotSignal {
  /** The machine has been saved; it ends, or has ended. */
  saved = false;
  readonly #path: string;
  readonly #onSignal = (): void => this.#wanted();
  #machine: Saved | null = null;
  #early = false;
  #busy = false;

  /** From here on the signal does not end the process. */
  constructor(path: string) {
    this.#path = path;
    process.on('SIGUSR2', this.#onSignal);
  }

  /** The machine that runs now; a signal that came before is for it too. */
  attach(machine: Saved): void {
    this.#machine = machine;
    if (this.#early) this.#wanted();
  }

  close(): void {
    process.off('SIGUSR2', this.#onSignal);
  }

  #wanted(): void {
    this.#early = true;
    if (this.#machine === null || this.#busy) return;
    this.#busy = true;
    void this.#save(this.#machine).finally(() => {
      this.#busy = false;
    });
  }

  async #save(machine: Saved): Promise<void> {
    const began = performance.now();
    try {
      await machine.pause();
      this.#report(await machine.snapshot(this.#path), performance.now() - began);
    } catch (error) {
      console.error(`ioregion: ${error instanceof Error ? error.message : error}`);
      if (machine.state === 'paused') machine.resume();
      return;
    }
    this.saved = true;
    await machine.stop();
  }

  #report({ memoryBytes, stateBytes }: SnapshotSize, ms: number): void {
    const size = `${Math.ceil(memoryBytes / MIB)} MiB of memory, ${Math.ceil(stateBytes / 1024)} KiB of state`;
    console.error(`ioregion: saved to ${this.#path} in ${Math.round(ms)} ms: ${size}`);
  }
}
