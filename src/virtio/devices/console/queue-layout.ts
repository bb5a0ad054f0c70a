/** Which queue does what (virtio 5.3.2): those of port 0, the control queues, then those of the other ports. */
/** What drivers ask for that do not look at the maximum, as User-Mode Linux does over vhost-user. */
const QUEUE_SIZE = 256;

export const ControlQueueIndex = { receive: 2, transmit: 3 } as const;

/** Sizes of the queues of a device with so many ports. */
export function queueSizes(ports: number, multiport: boolean): number[] {
  const pairs = multiport ? ports + 1 : 1;
  return Array<number>(2 * pairs).fill(QUEUE_SIZE);
}

export function isControl(index: number): boolean {
  return index === ControlQueueIndex.receive || index === ControlQueueIndex.transmit;
}

/** The port of a queue that is no control queue. */
export function portOf(index: number): number {
  return index < ControlQueueIndex.receive ? 0 : (index >> 1) - 1;
}

/** Input queues are even, output queues odd. */
export function isInput(index: number): boolean {
  return index % 2 === 0;
}
