/** TAP devices: virtual Ethernet interfaces of the host, one descriptor for each queue. */
import { native } from './binding.js';
import { isNativeSystemError, TapError } from './errors.js';
import { Fd } from './fd.js';
import { system } from './system-error.js';

/** TUN_F_*: what the packets read from a device may leave to the reader. */
export const TapOffload = { csum: 1, tso4: 2, tso6: 4, tsoEcn: 8, ufo: 16, uso4: 32, uso6: 64 } as const;

const IFF_TAP = 0x0002;
const IFF_MULTI_QUEUE = 0x0100;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const REQUIRED_FLAGS = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;

export interface TapOptions {
  /** Of the interface, at most 15 bytes; `tap%d` takes the first free number. It is made where it does not exist. */
  name: string;
  /** The device may have several queues: open it again by the name it got. Default false. */
  multiQueue?: boolean;
}

/** One queue of a TAP device: each read and write is one Ethernet frame behind a virtio-net header. Never blocks. */
export class TapQueue extends Fd {
  /** Of the interface. */
  readonly name: string;
  readonly multiQueue: boolean;

  private constructor(number: number, name: string, flags: number) {
    super(number);
    this.name = name;
    this.multiQueue = (flags & IFF_MULTI_QUEUE) !== 0;
  }

  /** TapError where there is no TAP device, it is in use, or this process may not (CAP_NET_ADMIN, or be its owner). */
  static open({ name, multiQueue = false }: TapOptions): TapQueue {
    try {
      const queue = native.tapOpen(name, multiQueue);
      return new TapQueue(queue.fd, queue.name, queue.flags);
    } catch (error) {
      throw isNativeSystemError(error) ? new TapError(name, error) : error;
    }
  }

  /** Takes ownership of a queue that a privileged process has opened. TapError where it is no TAP queue with vnet header. */
  static fromFd(fd: Fd): TapQueue {
    const { name, flags } = describe(fd);
    if ((flags & REQUIRED_FLAGS) !== REQUIRED_FLAGS) throw new TapError(name);
    fd.setNonblock(true);
    return new TapQueue(fd.release(), name, flags);
  }

  /** Bits of TapOffload, for all queues of the device. SystemError (EINVAL) where the kernel does not know one. */
  setOffloads(offloads: number): void {
    system(() => native.tapSetOffload(this.number, offloads));
  }

  /** Length of the virtio-net header in bytes, for all queues of the device. */
  setHeaderSize(size: number): void {
    system(() => native.tapSetHeaderSize(this.number, size));
  }

  /** A queue that is not enabled gets no packets. Only with `multiQueue`. */
  setEnabled(enabled: boolean): void {
    system(() => native.tapEnableQueue(this.number, enabled));
  }
}

function describe(fd: Fd): { name: string; flags: number } {
  const { number } = fd;
  try {
    return native.tapDescribe(number);
  } catch (error) {
    throw isNativeSystemError(error) ? new TapError(`descriptor ${number}`, error) : error;
  }
}
