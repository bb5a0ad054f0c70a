import type { Word64 } from './address.js';
import { KvmIoctlError } from './errors.js';
import { type Descriptor, encodeList, ioctl, ioctlData, ioctlSet } from './ioctl.js';
import { CAPABILITIES } from './uapi/capabilities.js';
import {
  Irqchip,
  IrqfdFlag,
  kvmEnableCap,
  kvmIrqchip,
  kvmIrqfd,
  kvmIrqLevel,
  kvmIrqRouting,
  kvmIrqRoutingIrqchipEntry,
  kvmIrqRoutingMsiEntry,
  kvmMsi,
  kvmPitConfig,
  PIT_SPEAKER_DUMMY,
  PIT_STATE_BYTES,
  RoutingType,
} from './uapi/vm-structs.js';

/** A message-signalled interrupt: a write of `data` to `address`. */
export interface MsiMessage {
  readonly address: Word64;
  readonly data: number;
}

/** A GSI that drives a pin of an in-kernel interrupt controller. */
export interface PinRoute {
  readonly gsi: number;
  readonly irqchip: keyof typeof Irqchip;
  readonly pin: number;
}

/** A GSI that sends a message. */
export interface MsiRoute extends MsiMessage {
  readonly gsi: number;
}

export type GsiRoute = PinRoute | MsiRoute;

/** An eventfd that raises a GSI. */
export interface Irqfd {
  readonly eventfd: Descriptor;
  readonly gsi: number;
  /**
   * Makes the interrupt level-triggered: it stays asserted until the guest acknowledges it, which signals this eventfd.
   */
  readonly resampleEventfd?: Descriptor;
}

const U32_MASK = 0xffff_ffffn;
const addressHalves = (address: Word64) => ({
  addressLo: Number(BigInt(address) & U32_MASK),
  addressHi: Number(BigInt(address) >> 32n),
});

function encodeRoute(route: GsiRoute): Uint8Array {
  const { gsi } = route;
  if ('pin' in route) {
    const { irqchip, pin } = route;
    return kvmIrqRoutingIrqchipEntry.encode({ gsi, type: RoutingType.irqchip, irqchip: Irqchip[irqchip], pin });
  }
  const { address, data } = route;
  return kvmIrqRoutingMsiEntry.encode({ gsi, type: RoutingType.msi, ...addressHalves(address), data });
}

/** The kernel's plain -1 for "no vCPU has that APIC id" arrives as EPERM. */
const isAddressedToNobody = (error: unknown): boolean => error instanceof KvmIoctlError && error.errnoName === 'EPERM';

/** The interrupt controllers of a VM and the ways to them. */
export class Interrupts {
  readonly #vm: Descriptor;

  constructor(vm: Descriptor) {
    this.#vm = vm;
  }

  /**
   * PIC, IOAPIC and local APICs in the kernel, with GSIs 0 to 23 routed to their pins. Before the first vCPU.
   *
   * @throws KvmIoctlError EEXIST where there is one already, EINVAL where there are vCPUs
   */
  createIrqchip(): void {
    ioctl(this.#vm, 'KVM_CREATE_IRQCHIP');
  }

  /** The i8254 timer in the kernel; `speaker` also takes port 0x61. Needs the full irqchip. */
  createPit({ speaker = false } = {}): void {
    ioctlSet(this.#vm, 'KVM_CREATE_PIT2', kvmPitConfig, { flags: speaker ? PIT_SPEAKER_DUMMY : 0 });
  }

  /** The registers of an in-kernel controller: IRQCHIP_STATE_BYTES in its own layout. */
  irqchip(name: keyof typeof Irqchip): Uint8Array {
    const data = kvmIrqchip.encode({ chipId: Irqchip[name] });
    ioctlData(this.#vm, 'KVM_GET_IRQCHIP', data);
    return kvmIrqchip.decode(data).state;
  }

  /** @throws KvmFieldRangeError for more bytes than there are, KvmIoctlError */
  setIrqchip(name: keyof typeof Irqchip, state: Uint8Array): void {
    ioctlSet(this.#vm, 'KVM_SET_IRQCHIP', kvmIrqchip, { chipId: Irqchip[name], state });
  }

  /** The state of the in-kernel timer: PIT_STATE_BYTES. */
  pit(): Uint8Array {
    const data = new Uint8Array(PIT_STATE_BYTES);
    ioctlData(this.#vm, 'KVM_GET_PIT2', data);
    return data;
  }

  /** Counting goes on from there. `state` has PIT_STATE_BYTES. */
  setPit(state: Uint8Array): void {
    ioctlData(this.#vm, 'KVM_SET_PIT2', state.slice());
  }

  /** Local APICs in the kernel, PIC and IOAPIC (of `pins` pins) in the VMM. Before the first vCPU. */
  enableSplitIrqchip(pins = 24): void {
    const args = [BigInt(pins), 0n, 0n, 0n];
    ioctlSet(this.#vm, 'KVM_ENABLE_CAP', kvmEnableCap, { cap: CAPABILITIES.KVM_CAP_SPLIT_IRQCHIP, args });
  }

  /** Sets the level of a GSI that is routed to a pin. */
  setLine(gsi: number, high: boolean): void {
    ioctlSet(this.#vm, 'KVM_IRQ_LINE', kvmIrqLevel, { irq: gsi, level: high ? 1 : 0 });
  }

  /** Replaces all routes. Irqfds follow at once. */
  setRoutes(routes: readonly GsiRoute[]): void {
    const entries = routes.map(encodeRoute);
    const data = encodeList(kvmIrqRouting, { nr: routes.length }, entries);
    ioctlData(this.#vm, 'KVM_SET_GSI_ROUTING', data);
  }

  /** Sends a message now, without a route. False where no vCPU took it: masked off, or addressed to nobody. */
  signalMsi(message: MsiMessage): boolean {
    return this.prepareMsi(message)();
  }

  /** The same for a message that is sent often: what is returned sends it, and allocates nothing. */
  prepareMsi({ address, data }: MsiMessage): () => boolean {
    const vm = this.#vm;
    const bytes = kvmMsi.encode({ ...addressHalves(address), data });
    return () => {
      try {
        return ioctlData(vm, 'KVM_SIGNAL_MSI', bytes) > 0;
      } catch (error) {
        if (isAddressedToNobody(error)) return false;
        throw error;
      }
    };
  }

  /**
   * From now on each signal of the eventfd raises the GSI; one that is pending does so at once.
   *
   * @throws KvmIoctlError EBUSY (the eventfd drives another), EAGAIN (no irqchip), EBADF, EINVAL
   */
  assignIrqfd({ eventfd, gsi, resampleEventfd }: Irqfd): void {
    ioctlSet(this.#vm, 'KVM_IRQFD', kvmIrqfd, {
      fd: eventfd.number,
      gsi,
      flags: resampleEventfd === undefined ? 0 : IrqfdFlag.resample,
      resamplefd: resampleEventfd?.number ?? 0,
    });
  }

  /** Undoes `assignIrqfd`; nothing happens where there was none. */
  deassignIrqfd({ eventfd, gsi }: Pick<Irqfd, 'eventfd' | 'gsi'>): void {
    ioctlSet(this.#vm, 'KVM_IRQFD', kvmIrqfd, { fd: eventfd.number, gsi, flags: IrqfdFlag.deassign });
  }
}
