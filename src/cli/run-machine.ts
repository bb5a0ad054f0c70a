/** Runs a machine with its console on this terminal, and turns its end into an exit status. */
import type { VcpuThread } from '../kvm/vcpu/vcpu-thread.js';
import {
  DEFAULT_COMMAND_LINE,
  type DiskDescription,
  type MachineEnd,
  type NetDescription,
  type Placement,
  type RestoreDescription,
  type StartOptions,
  VirtualMachine,
} from '../vmm/index.js';
import type { ControlSocket } from './control/control-socket.js';
import { ProcessConsole } from './process-console.js';
import type { Metrics } from './serve/metrics.js';
import { SnapshotSignal } from './snapshot-signal.js';

export interface RunMachineOptions {
  /** Needed but for a machine that is restored. */
  readonly kernel?: string;
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
  readonly control?: string;
  readonly snapshotTo?: string;
  readonly restore?: string;
}

const INTERRUPTED_STATUS = 130;

/** Resolves with the exit status. @throws IoregionError where the machine does not start, or the guest cannot go on */
export async function runMachine(options: RunMachineOptions, thread: VcpuThread): Promise<number> {
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  const serial = options.console === 'stdio' ? new ProcessConsole(stop) : null;
  if (serial === null) process.stdout.on('error', stop); /* devices may print */
  const saving = options.snapshotTo === undefined ? null : new SnapshotSignal(options.snapshotTo);
  let control: ControlSocket | null = null;
  let machine: VirtualMachine | null = null;
  const metrics = await openMetrics(options.metrics, () => machine);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  try {
    control = await openControl(options.control);
    machine = await startMachine(options, describe(options, serial), { signal: abort.signal, thread });
    saving?.attach(machine);
    control?.attach(machine);
    const end = await machine.ended;
    return saving?.saved === true ? 0 : statusOf(end);
  } finally {
    control?.close();
    metrics?.close();
    saving?.close();
    serial?.close();
    process.stdout.off('error', stop);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop);
  }
}

/** What not every machine has is loaded for those that do. */
async function openControl(path: string | undefined): Promise<ControlSocket | null> {
  if (path === undefined) return null;
  const { ControlSocket } = await import('./control/control-socket.js');
  return new ControlSocket(path);
}

async function openMetrics(target: string | undefined, machine: () => VirtualMachine | null): Promise<Metrics | null> {
  if (target === undefined) return null;
  const { publishMetrics } = await import('./serve/metrics.js');
  return publishMetrics(target, () => machine()?.metrics() ?? {});
}

async function startMachine(
  { kernel, restore }: RunMachineOptions,
  description: RestoreDescription,
  start: StartOptions,
): Promise<VirtualMachine> {
  if (restore !== undefined) return await VirtualMachine.restore(restore, description, start);
  const machine = new VirtualMachine({ ...description, kernel: kernel ?? '' });
  await machine.start(start);
  return machine;
}

function describe(options: RunMachineOptions, serial: ProcessConsole | null): RestoreDescription {
  const { kernel, initrd, append, memory, cpus, disk, net, rng, pin, onReset } = options;
  const commandLine = [options.commandLine ?? DEFAULT_COMMAND_LINE, append].filter(Boolean).join(' ');
  return {
    commandLine,
    ...(kernel === undefined ? {} : { kernel }),
    onReset,
    ...(initrd === undefined ? {} : { initrd }),
    ...(memory === undefined ? {} : { memory }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(pin === undefined ? {} : { affinity: pin }),
    ...(disk === undefined ? {} : { disks: disk }),
    ...(net === undefined ? {} : { nets: net }),
    ...(rng === undefined ? {} : { rng }),
    ...(serial === null ? {} : { serial }),
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
