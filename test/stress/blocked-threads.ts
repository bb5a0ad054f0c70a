/**
 * A program that leaves threads blocked in native code, a region server, a loopback caller and (with `kvm`) a vCPU,
 * and then ends as its first argument says.
 */

import { LoopbackDispatcher, NativeDispatcher, RegionServerThread } from 'ioregion/ioregion';
import type { Vcpu } from 'ioregion/kvm';
import { type Fd, socketpair, waitReadable } from 'ioregion/native';
import { LAYOUT, mmioRead, writeOplist } from '../../guests/index.js';
import { CallerThread } from './caller-thread.js';
import { GuestMachine } from './guest-machine.js';

type End = 'exit' | 'throw' | 'reject' | 'end' | 'wait';

const GPA = 0xd000_0000;
const EXIT_CODE = 7;
const counter = new URL('../../examples/counter-device.js', import.meta.url).href;

/** Nobody answers at the other end, which is kept open. */
function addSilentRegion(dispatcher: NativeDispatcher): Fd {
  const [vmm, device] = socketpair('seqpacket');
  dispatcher.addRegion({ space: 'mmio', gpa: GPA, size: 8, readFd: vmm, writeFd: vmm, deadlineMs: 0 });
  return device;
}

async function blockServer(): Promise<RegionServerThread> {
  const [vmm, device] = socketpair('seqpacket');
  const dispatcher = new LoopbackDispatcher();
  dispatcher.addRegion({ space: 'mmio', gpa: GPA, size: 8, readFd: vmm, writeFd: vmm });
  const regions = [{ device: { module: counter } }];
  const server = await RegionServerThread.start({ readFd: device, writeFd: device, regions });
  dispatcher.createCaller().read('mmio', GPA, 4); /* once it has answered, it waits for the next command */
  return server;
}

async function blockCaller(): Promise<CallerThread> {
  const dispatcher = new LoopbackDispatcher();
  const device = addSilentRegion(dispatcher);
  const caller = await CallerThread.start(dispatcher);
  void caller.perform([{ space: 'mmio', address: GPA, size: 4 }]);
  waitReadable(device, -1);
  return caller;
}

async function blockVcpu(): Promise<Vcpu> {
  const dispatcher = new NativeDispatcher();
  const device = addSilentRegion(dispatcher);
  const machine = await GuestMachine.start({ guest: 'oplist', vcpus: [{ dispatcher }] });
  writeOplist(machine.memory, LAYOUT.GUEST_FREE, [mmioRead(GPA, 4)]);
  machine.enter(0, LAYOUT.GUEST_FREE);
  const [vcpu] = machine.vcpus;
  void vcpu!.run();
  waitReadable(device, -1);
  return vcpu!;
}

function end(how: End): void {
  if (how === 'exit') process.exit(EXIT_CODE);
  if (how === 'throw') throw new Error('thrown with threads blocked');
  if (how === 'reject') void Promise.reject(new Error('rejected with threads blocked'));
}

const [how, kvm] = process.argv.slice(2) as [End, string | undefined];
const blocked = [await blockServer(), await blockCaller(), ...(kvm === 'kvm' ? [await blockVcpu()] : [])];
if (how === 'end') for (const thread of blocked) thread.unref();
process.stdout.write('blocked\n', () => end(how));
