/** What goes wrong between a vCPU and its owner. */
import { IoregionError } from '../../native/index.js';

/** The guest is running: its state cannot be touched, and it cannot be run twice. */
export class VcpuRunningError extends IoregionError {
  constructor(readonly vcpuId: number) {
    super('ERR_IOREGION_VCPU_RUNNING', `vCPU ${vcpuId} is running; kick it and await its run first`);
  }
}

/** The vCPU was closed. */
export class VcpuClosedError extends IoregionError {
  constructor(readonly vcpuId: number) {
    super('ERR_IOREGION_VCPU_CLOSED', `vCPU ${vcpuId} has been closed`);
  }
}

/** The vCPU's Worker did not start: its exit handler could not be loaded, or the Worker died. */
export class VcpuStartError extends IoregionError {
  constructor(
    readonly vcpuId: number,
    reason: string,
    cause?: unknown,
  ) {
    super('ERR_IOREGION_VCPU_START', `the Worker of vCPU ${vcpuId} did not start: ${reason}`, { cause });
  }
}
