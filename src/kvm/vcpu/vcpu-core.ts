/** The run loop of one vCPU on the calling thread: what the Worker of a `Vcpu` executes. */
import { type DispatcherObject, native, type VcpuObject } from '../../native/binding.js';
import { type FailureRecord, readFailureRecord } from '../../native/failure-record.js';
import { fixedInPlace } from '../../native/fixed-in-place.js';
import { decodeExit, type KvmExit } from '../exit.js';
import { RunPage } from '../run-page.js';
import { EXIT_REASONS } from '../uapi/exit-reasons.js';
import { type ExitHandler, NO_EXIT_HANDLER } from './exit-handler.js';

/** What `run` returns besides KVM's exits; the numbers are those of native/src/vcpu.h. */
const RUN_INTERRUPTED = -1;
const RUN_FAILED = -2;
const RUN_SETTLED = -3;

/** Why the loop stopped. `region-failure`: decide, then call `resolve` before the next `run`. */
export type CoreExit =
  | { readonly type: 'kvm'; readonly exit: KvmExit }
  | { readonly type: 'interrupted' }
  | { readonly type: 'settled' }
  | { readonly type: 'region-failure'; readonly record: FailureRecord };

const POLICY_ALL_ONES = 0;

export class VcpuCore {
  /** Names this vCPU to `kickVcpu` on other threads. */
  readonly id: number;
  readonly page: RunPage;
  handler: ExitHandler = NO_EXIT_HANDLER;
  /** Called with failures of regions whose policy is to go on with all ones. */
  onFailure: ((record: FailureRecord) => void) | null = null;
  readonly #object: VcpuObject;
  readonly #area: Uint32Array;
  readonly #run: () => number;

  /** Duplicates `vcpuFd`, whose kvm_run mapping has `mmapSize` bytes. */
  constructor(vcpuFd: number, mmapSize: number, dispatcher: DispatcherObject) {
    this.#object = native.vcpuCreate(vcpuFd, mmapSize, dispatcher);
    this.id = native.vcpuId(this.#object);
    this.page = new RunPage(fixedInPlace(native.vcpuRunArea(this.#object)));
    this.#area = new Uint32Array(native.vcpuArea(this.#object));
    this.#run = native.vcpuRunFunction(this.#object);
  }

  /**
   * Runs the guest until something happens that neither a region nor the exit handler takes, or until a kick.
   * @throws what KVM_RUN refuses, as the binding's system error
   */
  run(): CoreExit {
    return this.#handle(this.#run);
  }

  /**
   * Ends the access under way, if any, so that nothing of the vCPU is outside of what KVM saves: `settled`. No instruction of
   * the guest runs. Other results are those of `run`; settle again then.
   * @throws what KVM_RUN refuses, as the binding's system error
   */
  settle(): CoreExit {
    return this.#handle(() => native.vcpuSettle(this.#object));
  }

  #handle(enter: () => number): CoreExit {
    const { handler, page } = this;
    for (;;) {
      const reason = enter();
      if (reason === EXIT_REASONS.KVM_EXIT_MMIO && handler.mmio?.(page.mmio)) continue;
      if (reason === EXIT_REASONS.KVM_EXIT_IO && handler.io?.(page.io)) continue;
      if (reason === RUN_INTERRUPTED) return { type: 'interrupted' };
      if (reason === RUN_SETTLED) return { type: 'settled' };
      if (reason !== RUN_FAILED) return { type: 'kvm', exit: this.#leave() };
      const record = readFailureRecord(this.#area);
      if (record.policy !== POLICY_ALL_ONES) return { type: 'region-failure', record };
      this.onFailure?.(record);
      this.resolve(false);
    }
  }

  /** Ends a failed access: sends it again, or lets it read all ones. */
  resolve(retry: boolean): void {
    native.vcpuResolve(this.#object, retry ? 1 : 0);
  }

  /** Answers the access of the last MMIO or IO exit. */
  answer(bytes: Uint8Array): void {
    this.#data()?.set(bytes.subarray(0, this.#data()?.length));
  }

  /** Unmaps and closes. Idempotent. */
  close(): void {
    native.vcpuRelease(this.#object);
  }

  /** A read that nobody answers is one from an empty bus. */
  #leave(): KvmExit {
    const exit = decodeExit(this.page.buffer);
    if ((exit.reason === 'KVM_EXIT_MMIO' || exit.reason === 'KVM_EXIT_IO') && !exit.isWrite) this.#data()?.fill(0xff);
    return exit;
  }

  #data(): Uint8Array | null {
    const { page } = this;
    if (page.exitReason === EXIT_REASONS.KVM_EXIT_MMIO) return page.mmio.bytes.subarray(0, page.mmio.size);
    return page.exitReason === EXIT_REASONS.KVM_EXIT_IO ? page.io.bytes : null;
  }
}
