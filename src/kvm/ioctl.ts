/** KVM ioctls by name, with the kernel's refusals turned into KvmIoctlError. */
import { native } from '../native/binding.js';
import { isNativeSystemError } from '../native/errors.js';
import { KvmIoctlError } from './errors.js';
import type { CType } from './uapi/c-types.js';
import { IOCTLS, type IoctlName } from './uapi/ioctls.js';
import type { Struct } from './uapi/struct.js';

/** An `Fd`, or `{ number }` with the number of one that is open; that of an `Fd` throws once it is closed. */
export interface Descriptor {
  readonly number: number;
}

/** Runs `call`; an errno it throws becomes the error of `name`. */
export function named<T>(name: IoctlName, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw isNativeSystemError(error) ? new KvmIoctlError(name, error.code, error.errno, error) : error;
  }
}

/** An ioctl whose argument is an integer, or none. Returns the kernel's result. */
export function ioctl(fd: Descriptor, name: IoctlName, argument = 0): number {
  const { number } = fd;
  return named(name, () => native.ioctlInt(number, IOCTLS[name], argument));
}

/** An ioctl on a structure, which the kernel may change. Returns the kernel's result. */
export function ioctlData(fd: Descriptor, name: IoctlName, data: Uint8Array): number {
  const { number } = fd;
  return named(name, () => native.ioctlData(number, IOCTLS[name], data));
}

/** An ioctl that fills a structure. */
export function ioctlGet<T>(fd: Descriptor, name: IoctlName, layout: Struct<T>): T {
  const data = new Uint8Array(layout.size);
  ioctlData(fd, name, data);
  return layout.decode(data);
}

/** An ioctl that takes a structure. Returns the kernel's result. */
export function ioctlSet<T>(fd: Descriptor, name: IoctlName, layout: Struct<T>, value: Partial<T>): number {
  return ioctlData(fd, name, layout.encode(value));
}

/** A structure that ends in an array: `head` (which holds their number), then the encoded entries. */
export function encodeList<H>(head: Struct<H>, value: Partial<H>, entries: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([head.encode(value), ...entries]);
}

/** The `count` entries behind a head of `offset` bytes. */
export function decodeList<E>(data: Uint8Array, offset: number, entry: CType<E>, count: number): E[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Array.from({ length: count }, (_, i) => entry.read(view, offset + i * entry.size));
}
