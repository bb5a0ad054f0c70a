/** One PCI function, made on this thread, or behind a region server on another that never returns to its event loop. */
import { LoopbackDispatcher, RegionServerThread, type RegisterDevice } from 'ioregion/ioregion';
import { GuestMemory } from 'ioregion/memory';
import { EventFd, type Fd, socketpair } from 'ioregion/native';
import { PciDriver } from 'ioregion/testing';
import { functionRegionPlaces, type LayoutOptions } from '../../src/virtio/pci/index.js';
import { CommonCfg } from '../../src/virtio/spec/index.js';

export const QUEUES = 2;
export const VECTORS = 3;

/** Of the function, for who has to know it before there is one. */
export const SHAPE: LayoutOptions = { queues: QUEUES, vectors: VECTORS, configLength: 8, transitional: false };

const PLACES = functionRegionPlaces(SHAPE);
const CONFIG = { name: 'config', space: 'mmio' as const, gpa: 0xe000_0000, size: 256, postedWrites: false };
const REGIONS = [
  CONFIG,
  ...PLACES.map((place) => ({ ...place, gpa: 0xd000_0000 + place.bar * 0x10_0000 + place.offset })),
];

export interface PlacedFunction {
  readonly driver: PciDriver;
  close(): Promise<void>;
}

/** Serves the function that `device` describes on a thread, and reaches it over the loopback dispatcher. */
export async function placeOnThread(device: { module: string; options: object }): Promise<PlacedFunction> {
  const [vmmEnd, deviceEnd] = socketpair('seqpacket');
  // A description of its own for each: one object would be one device for all regions.
  const regions = REGIONS.map(({ name }, userData) => ({ name, userData, device: { ...device } }));
  const server = await RegionServerThread.start({ readFd: deviceEnd, writeFd: deviceEnd, regions });
  const dispatcher = dispatchTo(vmmEnd);
  const caller = dispatcher.createCaller();
  const deviceAt = (gpa: number): RegisterDevice => ({
    read: (offset, size) => caller.read('mmio', gpa + offset, size),
    write: (offset, size, value) => void caller.write('mmio', gpa + offset, size, value),
  });
  const remote = PLACES.map((place, index) => ({ ...place, device: deviceAt(REGIONS[index + 1]!.gpa) }));
  const close = async () => {
    caller.close();
    dispatcher.close();
    await server.close();
    vmmEnd.close();
    deviceEnd.close();
  };
  return { driver: new PciDriver({ config: deviceAt(CONFIG.gpa), regions: remote }), close };
}

function dispatchTo(channel: Fd): LoopbackDispatcher {
  const dispatcher = new LoopbackDispatcher();
  for (const [userData, region] of REGIONS.entries())
    dispatcher.addRegion({ ...region, userData, readFd: channel, writeFd: channel });
  return dispatcher;
}

/** The memory and the interrupt vectors of a function. */
export class FunctionSurroundings implements Disposable {
  readonly memory: GuestMemory = GuestMemory.create(1 << 20);
  readonly vectors: readonly EventFd[] = Array.from({ length: VECTORS }, () => EventFd.create());

  /** The options of a function module that say so. */
  get options() {
    const eventfds = this.vectors.map((vector) => vector.number);
    return { memory: this.memory.share(), interrupts: { kind: 'eventfds' as const, eventfds } };
  }

  [Symbol.dispose](): void {
    for (const vector of this.vectors) vector.close();
    this.memory.close();
  }
}

/**
 * A driver with its interrupts on, whose queue 0 of `size` entries has vector 1: up to DRIVER_OK. False: refused. `enables`: MSI-X is
 * to be enabled first.
 */
export function bringUp(driver: PciDriver, size: number, features: bigint, enables = true): boolean {
  if (enables) driver.enableMsix();
  for (let vector = 0; vector < VECTORS; vector++) driver.setVector(vector);
  if (!driver.negotiate(features)) return false;
  driver.setUpQueue(0, size);
  driver.set16(CommonCfg.queueMsixVector, 1);
  driver.ready();
  return true;
}
