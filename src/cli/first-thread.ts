/** The thread of a machine's first vCPU, started before the program knows what else the machine needs: both take as long. */
import { VcpuThread } from '../kvm/vcpu/vcpu-thread.js';
import { BOARD_MODULE } from '../vmm/board/board-url.js';

export const startFirstThread = (): VcpuThread => new VcpuThread([BOARD_MODULE]);
