/** All that configuration space says of a function: known to a VMM before the function is made. */
import type { LayoutOptions } from './layout.js';

export interface FunctionShape extends LayoutOptions {
  /** Virtio device ID. */
  readonly deviceType: number;
  /** INTA# can be driven. */
  readonly hasPin: boolean;
}

export function isSameShape(a: FunctionShape, b: FunctionShape): boolean {
  const { queues, vectors, configLength, transitional, deviceType, hasPin } = a;
  const isSameLayout = queues === b.queues && vectors === b.vectors && configLength === b.configLength;
  return isSameLayout && transitional === b.transitional && deviceType === b.deviceType && hasPin === b.hasPin;
}
