/** Runs a machine with its console on this terminal, and turns its end into an exit status. */
import {
  DEFAULT_COMMAND_LINE,
  type DiskDescription,
  type MachineDescription,
  type MachineEnd,
  type NetDescription,
  type Placement,
  VirtualMachine,
} from '../vmm/index.js';
import { publishMetrics } from './serve/metrics.js';
import { TerminalInput } from './terminal-input.js';

export interface RunMachineOptions {
  readonly kernel: string;
  readonly initrd?: string;
  readonly append?: string;
  readonly commandLine?: string;
  /** Bytes. */
  readonly memory?: number;
  readonly cpus?: number;
  readonly disk?: readonly DiskDescription[];
  readonly net?: readonly NetDescription[];
  readonly rng?: Placement;
  /** Host CPUs by vCPU. */
  readonly pin?: readonly (readonly number[])[];
  readonly console: 'stdio' | 'none';
  readonly onReset: 'end' | 'restart';
  readonly metrics?: string;
}

const INTERRUPTED_STATUS = 130;

/** Resolves with the exit status. @throws IoregionError where the machine does not start, or the guest cannot go on */
export async function runMachine(options: RunMachineOptions): Promise<number> {
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  const input = options.console === 'stdio' ? new TerminalInput(process.stdin, stop) : null;
  const machine = new VirtualMachine(describe(options, input));
  const metrics = options.metrics === undefined ? null : publishMetrics(options.metrics, () => machine.metrics());
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  process.stdout.on('error', stop); /* nobody reads the console any more */
  try {
    await machine.start({ signal: abort.signal });
    return statusOf(await machine.ended);
  } finally {
    metrics?.close();
    input?.close();
    process.stdout.off('error', stop);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop);
  }
}

function describe(options: RunMachineOptions, input: TerminalInput | null): MachineDescription {
  const { kernel, initrd, append, memory, cpus, disk, net, rng, pin, onReset } = options;
  const commandLine = [options.commandLine ?? DEFAULT_COMMAND_LINE, append].filter(Boolean).join(' ');
  return {
    kernel,
    commandLine,
    onReset,
    ...(initrd === undefined ? {} : { initrd }),
    ...(memory === undefined ? {} : { memory }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(pin === undefined ? {} : { affinity: pin }),
    ...(disk === undefined ? {} : { disks: disk }),
    ...(net === undefined ? {} : { nets: net }),
    ...(rng === undefined ? {} : { rng }),
    ...(input === null ? {} : { serial: { output: process.stdout, input: input.stream } }),
  };
}

/** A debug exit hands on what the guest wrote; a guest that fell over is a failure. */
function statusOf(end: MachineEnd): number {
  if (end.reason === 'failed') throw end.error;
  if (end.reason === 'debug-exit') return end.code & 0xff;
  if (end.reason === 'stopped') return INTERRUPTED_STATUS;
  if (end.reason !== 'triple-fault') return 0;
  console.error(`ioregion: the guest reset itself by a triple fault on vCPU ${end.vcpu}`);
  return 1;
}
