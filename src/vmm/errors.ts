/** Why a machine cannot be made, started, or went down. */
import { type ErrorDetails, IoregionError } from '../native/index.js';

/** A file of the description cannot be read (`ERR_IOREGION_VMM_FILE`). */
export class MachineFileError extends IoregionError {
  constructor(what: string, path: string, cause: unknown) {
    super('ERR_IOREGION_VMM_FILE', `the ${what} ${path} ${fileReason(cause)}`, { cause });
  }
}

function fileReason(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'does not exist';
  if (code === 'EACCES') return 'cannot be read (EACCES): check its mode';
  return code === 'EISDIR' ? 'is a directory' : `cannot be read: ${message}`;
}

/** The kernel is of a kind that cannot be started, or damaged (`ERR_IOREGION_KERNEL_FORMAT`). */
export class KernelFormatError extends IoregionError {
  constructor(reason: string) {
    super('ERR_IOREGION_KERNEL_FORMAT', `the kernel cannot be started: ${reason}`);
  }
}

/** Guest memory has no room for what is to be loaded (`ERR_IOREGION_GUEST_MEMORY`). */
export class GuestMemoryTooSmallError extends IoregionError {
  constructor(what: string, needed: number, available: number) {
    const mib = (bytes: number) => Math.ceil(bytes / 2 ** 20);
    super(
      'ERR_IOREGION_GUEST_MEMORY',
      `too little guest memory for ${what}: ${mib(needed)} MiB are needed, there are ${mib(available)} MiB; use more --memory`,
    );
  }
}

/** The description of a machine contradicts itself or asks for what there is not (`ERR_IOREGION_MACHINE`). */
export class MachineOptionError extends IoregionError {
  constructor(reason: string) {
    super('ERR_IOREGION_MACHINE', reason);
  }
}

/** A method was called that the machine's state does not allow (`ERR_IOREGION_MACHINE_STATE`). */
export class MachineStateError extends IoregionError {
  constructor(action: string, state: string) {
    super('ERR_IOREGION_MACHINE_STATE', `cannot ${action}: the machine is ${state}`);
  }
}

/** A device cannot be plugged in, for a reason of its own or of the board's (`ERR_IOREGION_PLUG`). */
export class PlugError extends IoregionError {
  constructor(device: string, reason: string) {
    super('ERR_IOREGION_PLUG', `${device} was not plugged in: ${reason}`);
  }
}

/** No device has this id, or several have, or a new one wants it too (`ERR_IOREGION_DEVICE_ID`). */
export class DeviceIdError extends IoregionError {
  constructor(id: string, problem: string) {
    super('ERR_IOREGION_DEVICE_ID', `"${id}" ${problem}`);
  }
}

/** All slots of the PCI bus are taken (`ERR_IOREGION_BUS_FULL`). */
export class BusFullError extends IoregionError {
  constructor(slots: number) {
    super('ERR_IOREGION_BUS_FULL', `all ${slots} slots of the PCI bus are taken; unplug a device first`);
  }
}

/** The guest has not let go of a device in time, and still has it (`ERR_IOREGION_UNPLUG_TIMEOUT`). */
export class UnplugTimeoutError extends IoregionError {
  constructor(device: string, timeoutMs: number) {
    const advice = 'it may be in use, or the guest knows no hotplug; the request stays with the guest';
    super('ERR_IOREGION_UNPLUG_TIMEOUT', `the guest still has ${device} after ${timeoutMs} ms: ${advice}`);
  }
}

/** The guest went down in a way that it cannot go on from (`ERR_IOREGION_GUEST_STOPPED`). */
export class GuestStoppedError extends IoregionError {
  constructor(
    /** Number of the vCPU. */
    readonly vcpu: number,
    reason: string,
    details: ErrorDetails = {},
  ) {
    super('ERR_IOREGION_GUEST_STOPPED', `vCPU ${vcpu} stopped: ${reason}`, details);
  }
}

/** The thread of a device ended before its machine (`ERR_IOREGION_DEVICE_THREAD`). */
export class DeviceThreadError extends IoregionError {
  constructor(device: string, reason: string) {
    super('ERR_IOREGION_DEVICE_THREAD', `the thread of the device "${device}" is gone: ${reason}`);
  }
}

/** The process of a device did not start, or ended before its machine (`ERR_IOREGION_DEVICE_PROCESS`). */
export class DeviceProcessError extends IoregionError {
  constructor(device: string, reason: string) {
    super('ERR_IOREGION_DEVICE_PROCESS', `the process of the device "${device}" is gone: ${reason}`);
  }
}
