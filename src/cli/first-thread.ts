/** The thread of a machine's first vCPU, started before the program knows what else the machine needs: both take as long. */
import { VcpuThread } from '../kvm/vcpu/vcpu-thread.js';

const BOARD_MODULE = new URL('../vmm/board/board-module.js', import.meta.url).href;

export const startFirstThread = (): VcpuThread => new VcpuThread([BOARD_MODULE]);
