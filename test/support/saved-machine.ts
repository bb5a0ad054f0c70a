/**
 * A machine in a process of its own, as the JSON of the first argument describes it. Its serial port is standard error; standard input
 * and output are free for its devices. SIGUSR2 saves it where it is told to, and ends it.
 */
import { type MachineDescription, VirtualMachine } from 'ioregion/vmm';

export interface SavedMachine extends Omit<MachineDescription, 'serial'> {
  /** Where SIGUSR2 saves it. */
  readonly saveTo?: string;
  /** The snapshot that it goes on from. */
  readonly restore?: string;
}

const { saveTo, restore, ...description } = JSON.parse(process.argv[2]!) as SavedMachine;
const described = { ...description, serial: { output: process.stderr } };

async function start(): Promise<VirtualMachine> {
  if (restore !== undefined) return await VirtualMachine.restore(restore, described);
  const made = new VirtualMachine(described);
  await made.start();
  return made;
}

const machine = await start();

async function save(path: string): Promise<void> {
  await machine.pause();
  await machine.snapshot(path);
  await machine.stop();
}

if (saveTo !== undefined) process.once('SIGUSR2', () => void save(saveTo));
const { reason } = await machine.ended;
console.error(`the machine ended: ${reason}`);
