/** Entry of the Worker that runs the vCPU of a KVM path: pins itself, builds the machine, and waits for slots. */
import { readFileSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { native, setAffinity } from '../../../src/native/index.js';
import { REGION, Register } from '../bench-device.js';
import { ACCESS_SIZE, type Operation } from '../row.js';
import { serveSlots } from '../serve-slots.js';
import type { Target } from '../target.js';
import { type BenchMachine, openBenchMachine } from './bench-machine.js';
import { ChannelTarget } from './channel-target.js';
import type { EventfdLink } from './eventfd-device.js';
import { EventfdTarget } from './eventfd-target.js';
import { InlineTarget } from './inline-target.js';
import { KvmDriver, PARAMETERS } from './kvm-driver.js';

export interface KvmWorkerData {
  /** File of the bench guest's image. */
  readonly guest: string;
  readonly cpu: number;
  readonly operation: Operation;
  /** The dispatcher that sees the vCPU's exits; it has a region in the `channel` path only. */
  readonly dispatcherId: number;
  readonly target: { readonly kind: 'inline' | 'channel' } | { readonly kind: 'eventfd'; readonly link: EventfdLink };
}

const data = workerData as KvmWorkerData;

function openMachine(): BenchMachine {
  const dispatcher = native.dispatcherOpen(data.dispatcherId);
  try {
    return openBenchMachine({ image: readFileSync(data.guest), parameters: PARAMETERS, dispatcher });
  } finally {
    native.dispatcherRelease(dispatcher);
  }
}

/** Lets the machine's accesses reach the device. */
function connect({ core, vm }: BenchMachine): Target {
  switch (data.target.kind) {
    case 'channel':
      return new ChannelTarget(data.dispatcherId);
    case 'inline': {
      const target = new InlineTarget();
      core.handler = target.exitHandler;
      return target;
    }
    case 'eventfd': {
      const eventfd = { number: data.target.link.eventfd };
      vm.ioeventfds.assign({ eventfd, space: 'mmio', address: REGION.gpa + Register.data, length: ACCESS_SIZE });
      return new EventfdTarget(data.target.link);
    }
  }
}

setAffinity([data.cpu]);
const machine = openMachine();
serveSlots(new KvmDriver(machine, data.operation), connect(machine));
