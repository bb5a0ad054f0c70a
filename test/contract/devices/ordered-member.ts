/** One fd's worth of a device whose doorbells take time, and which raises an interrupt when a doorbell is done. */
import type { DeviceContext, RegisterDevice } from 'ioregion/device';
import { native } from 'ioregion/native';

/** Offsets of what can be read; the doorbell is at 0. */
export const OrderedRegister = {
  doorbellOf: (member: number) => 8 * member,
  slowest: 0x100,
  interrupts: 0x108,
} as const;

/** Words of the memory that the members share: the last value of each doorbell, then the interrupts seen. */
export const MEMBERS = 8;
export const SHARED_BYTES = 4 * (MEMBERS + 1);

export interface OrderedMemberOptions {
  readonly member: number;
  readonly members: number;
  /** What a doorbell costs: long enough that a read that did not wait would see the value before. */
  readonly workNs: number;
  /** The doorbell ends the thread. */
  readonly fatal?: boolean;
}

export function orderedMember(
  { member, members, workNs, fatal }: OrderedMemberOptions,
  context: DeviceContext,
): RegisterDevice {
  const words = new Int32Array(context.shared!);
  const { irq } = context.fds;
  return {
    read: (offset) => readRegister(words, members, member, offset, irq!),
    write(_offset, _size, value) {
      if (fatal) process.exit();
      for (const end = native.monotonicNs() + workNs; native.monotonicNs() < end; );
      takeEffect(words, member, value, irq!);
    },
  };
}

export function takeEffect(words: Int32Array, member: number, value: number, irq: number): void {
  Atomics.store(words, member, value);
  native.eventfdWrite(irq, 1);
}

export function readRegister(words: Int32Array, members: number, member: number, offset: number, irq: number): number {
  if (offset === OrderedRegister.interrupts) {
    Atomics.add(words, MEMBERS, Number(native.eventfdRead(irq) ?? 0n));
    return Atomics.load(words, MEMBERS);
  }
  if (offset < OrderedRegister.slowest) return Atomics.load(words, offset / 8);
  const others = [...Array(members).keys()].filter((other) => other !== member);
  return Math.min(...others.map((other) => Atomics.load(words, other)));
}
