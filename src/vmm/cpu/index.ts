/** What a vCPU is given before its first run. */
export { type CpuidOptions, type CpuTopology, vcpuCpuid } from './cpuid.js';
export { prepareVcpu } from './prepare-vcpu.js';
