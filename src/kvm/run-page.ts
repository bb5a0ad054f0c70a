/** The kvm_run page of a vCPU: what KVM_RUN came back for, and the place where the answer goes. */
import { IoExit } from './io-exit.js';
import { MmioExit } from './mmio-exit.js';
import { exitReasonName } from './uapi/exit-reasons.js';
import { kvmRun } from './uapi/run-structs.js';
import { offsetOf } from './uapi/struct.js';

const IMMEDIATE_EXIT = offsetOf(kvmRun, 'immediateExit');
const REQUEST_INTERRUPT_WINDOW = offsetOf(kvmRun, 'requestInterruptWindow');
const EXIT_REASON = offsetOf(kvmRun, 'exitReason');
const READY_FOR_INTERRUPT = offsetOf(kvmRun, 'readyForInterruptInjection');
const IF_FLAG = offsetOf(kvmRun, 'ifFlag');
const FLAGS = offsetOf(kvmRun, 'flags');

/** The page as a whole. Every getter reads the page again: it changes at each KVM_RUN. */
export class RunPage {
  readonly buffer: ArrayBuffer;
  readonly io: IoExit;
  readonly mmio: MmioExit;
  readonly #page: DataView;

  /** @param buffer the mapping of the vCPU fd, `kvm.vcpuMmapSize` bytes */
  constructor(buffer: ArrayBuffer) {
    this.buffer = buffer;
    this.#page = new DataView(buffer);
    this.io = new IoExit(this.#page);
    this.mmio = new MmioExit(this.#page);
  }

  /** KVM_EXIT_* number of the last exit. */
  get exitReason(): number {
    return this.#page.getUint32(EXIT_REASON, true);
  }

  /** Its name, or `unknown(N)`. */
  get exitName(): string {
    return exitReasonName(this.exitReason);
  }

  /** True where the guest can take an interrupt by KVM_INTERRUPT now (no in-kernel irqchip). */
  get readyForInterrupt(): boolean {
    return this.#page.getUint8(READY_FOR_INTERRUPT) !== 0;
  }

  /** RFLAGS.IF at the exit. */
  get interruptsEnabled(): boolean {
    return this.#page.getUint8(IF_FLAG) !== 0;
  }

  /** KVM_RUN_X86_* bits. */
  get flags(): number {
    return this.#page.getUint16(FLAGS, true);
  }

  /** Asks for KVM_EXIT_IRQ_WINDOW_OPEN as soon as the guest can take an interrupt. */
  set requestInterruptWindow(on: boolean) {
    this.#page.setUint8(REQUEST_INTERRUPT_WINDOW, on ? 1 : 0);
  }

  /** Makes the next KVM_RUN finish the pending access and return at once with EINTR. */
  set immediateExit(on: boolean) {
    this.#page.setUint8(IMMEDIATE_EXIT, on ? 1 : 0);
  }
}
