/** A VM that runs one of the guests of this package on Workers, in protected mode. */
import { enterProtectedMode, Kvm, Vcpu, type VcpuExit, type VcpuOptions, type Vm } from 'ioregion/kvm';
import { closeAll, Disposables, Mapping } from 'ioregion/native';
import { type Guest, type GuestName, LAYOUT, loadGuest } from '../../guests/index.js';

const MEMORY_BYTES = 1 << 20;

export interface GuestMachineOptions {
  readonly guest: GuestName;
  /** One entry for each vCPU. */
  readonly vcpus: readonly VcpuOptions[];
}

/** The guest ended with another status than success, or with an exit that nobody expects. */
export class GuestFailedError extends Error {
  constructor(exit: VcpuExit) {
    super(
      `the guest ended with ${JSON.stringify(exit, (_, value) => (typeof value === 'bigint' ? `${value}` : value))}`,
    );
  }
}

export class GuestMachine {
  readonly kvm: Kvm;
  readonly vm: Vm;
  /** From guest-physical address 0. */
  readonly memory: Uint8Array;
  readonly vcpus: Vcpu[] = [];
  readonly #owned = new Disposables();

  private constructor(guest: Guest) {
    this.kvm = this.#owned.use(Kvm.open());
    const mapping = this.#owned.use(Mapping.anonymous(MEMORY_BYTES));
    this.vm = this.#owned.use(this.kvm.createVm());
    this.vm.memory.add({ gpa: 0, size: MEMORY_BYTES, mapping });
    this.memory = mapping.bytes;
    this.memory.set(guest.bytes, guest.entry);
  }

  static async start({ guest: name, vcpus }: GuestMachineOptions): Promise<GuestMachine> {
    const machine = new GuestMachine(await loadGuest(name, 'protected'));
    try {
      for (const [id, options] of vcpus.entries()) await machine.#addVcpu(id, options);
      return machine;
    } catch (error) {
      await machine.close();
      throw error;
    }
  }

  /** Puts the vCPU at the guest's entry, with its parameters at `gpa`. */
  enter(vcpu: number, gpa: number): void {
    const stack = LAYOUT.GUEST_STACK_TOP - vcpu * LAYOUT.GUEST_STACK_SIZE;
    enterProtectedMode(this.vcpus[vcpu]!.state, { entry: LAYOUT.GUEST_LOAD, stack, registers: { rdi: BigInt(gpa) } });
  }

  /**
   * Runs the vCPU until the guest says that it is done. What is no end of the guest goes to `onStop`, after which the
   * run goes on. @throws GuestFailedError
   */
  async runToEnd(vcpu: number, onStop: (exit: VcpuExit) => void = () => {}): Promise<void> {
    for (;;) {
      const exit = await this.vcpus[vcpu]!.run();
      if (exit.reason === 'interrupted' || exit.reason === 'region-failure') onStop(exit);
      else if (isSuccess(exit)) return;
      else throw new GuestFailedError(exit);
    }
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await Promise.all(this.vcpus.map((vcpu) => vcpu.close()));
    closeAll([this.#owned]);
  }

  async #addVcpu(id: number, options: VcpuOptions): Promise<void> {
    const vcpu = await Vcpu.create(this.vm, id, options);
    this.vcpus.push(vcpu);
    vcpu.state.setCpuid(this.kvm.supportedCpuid());
  }
}

function isSuccess(exit: VcpuExit): boolean {
  return (
    exit.reason === 'KVM_EXIT_IO' && exit.port === LAYOUT.GUEST_EXIT_PORT && exit.data[0] === LAYOUT.GUEST_STATUS_OK
  );
}
