/** What a machine is made of. */

import { cpus as hostCpus } from 'node:os';
import {
  type DeviceDescriptions,
  type DeviceSpec,
  deviceSpecs,
  type PlugDescription,
  plugSpec,
} from '../attach/index.js';
import type { SerialStreams } from '../devices/serial/index.js';
import { MachineOptionError } from '../errors.js';
import { LowMemory } from '../layout.js';

export interface MachineDescription extends DeviceDescriptions {
  /** Path of a bzImage, or of an ELF vmlinux with a PVH entry. */
  readonly kernel: string;
  /** Path of an initrd or initramfs. */
  readonly initrd?: string;
  /** Default: DEFAULT_COMMAND_LINE. */
  readonly commandLine?: string;
  /** Bytes, a multiple of 4096. Default 256 MiB. */
  readonly memory?: number;
  /** Number of vCPUs, 1 to 64. Default 1. */
  readonly cpus?: number;
  /** By vCPU: the host CPUs of its thread; an empty list is any. Default: any. */
  readonly affinity?: readonly (readonly number[])[];
  /** Where the serial console is. Default: the machine has none. */
  readonly serial?: SerialStreams;
  /** What a guest that reboots gets: an end with reason `reset` (the default), or a machine that starts anew. */
  readonly onReset?: 'end' | 'restart';
}

/** What a machine is restored from a snapshot with. `memory` and `cpus` default to those of the snapshot. */
export type RestoreDescription = Omit<MachineDescription, 'kernel'> & {
  /** For a guest that reboots, with `onReset: 'restart'`. */
  readonly kernel?: string;
};

/** The serial port is the console; a reboot leaves by the keyboard controller, a panic reboots at once. */
export const DEFAULT_COMMAND_LINE = 'console=ttyS0 reboot=k panic=-1';

export interface CheckedDescription {
  /** Null: the machine is restored, and cannot start anew. */
  readonly kernel: string | null;
  readonly initrd: string | null;
  readonly commandLine: string;
  readonly memory: number;
  readonly cpus: number;
  readonly affinity: readonly (readonly number[])[];
  readonly serial: SerialStreams | null;
  readonly restarts: boolean;
  readonly devices: readonly DeviceSpec[];
}

const MIB = 2 ** 20;
const DEFAULT_MEMORY = 256 * MIB;
const MAX_MEMORY = 512 * 2 ** 30;
const PAGE = 4096;
const MAX_CPUS = 64;

/** The description with its defaults. MachineOptionError names the first thing that is wrong. */
export function checkDescription(description: RestoreDescription, isRestored = false): CheckedDescription {
  const { kernel, initrd, commandLine = DEFAULT_COMMAND_LINE, memory = DEFAULT_MEMORY, cpus = 1 } = description;
  const { serial, affinity = [], onReset = 'end' } = description;
  const needsKernel = !isRestored || onReset === 'restart';
  check(!needsKernel || (typeof kernel === 'string' && kernel !== ''), 'a machine needs a kernel');
  check(Number.isInteger(cpus) && cpus >= 1 && cpus <= MAX_CPUS, `cpus must be 1 to ${MAX_CPUS}, not ${cpus}`);
  const isMemory = Number.isSafeInteger(memory) && memory % PAGE === 0 && memory > LowMemory.acpiEnd;
  check(isMemory && memory <= MAX_MEMORY, `memory must be whole pages, more than 1 MiB, not ${memory} bytes`);
  check(affinity.length <= cpus, `there is no vCPU ${affinity.length - 1} to pin: the machine has ${cpus}`);
  const devices = deviceSpecs(description);
  for (const own of [...affinity, ...devices.map((device) => device.cpus ?? [])]) own.forEach(checkHostCpu);
  return {
    kernel: kernel ?? null,
    initrd: initrd ?? null,
    commandLine,
    memory,
    cpus,
    affinity,
    serial: serial ?? null,
    restarts: onReset === 'restart',
    devices,
  };
}

/** Of a device that is plugged in. @throws MachineOptionError */
export function checkedSpec(description: PlugDescription): DeviceSpec {
  const spec = plugSpec(description);
  spec.cpus?.forEach(checkHostCpu);
  return spec;
}

/** Before a thread finds out. */
function checkHostCpu(cpu: number): void {
  const { length } = hostCpus();
  check(Number.isInteger(cpu) && cpu >= 0 && cpu < length, `this host has CPUs 0 to ${length - 1}, not ${cpu}`);
}

function check(condition: boolean, message: string): void {
  if (!condition) throw new MachineOptionError(message);
}
