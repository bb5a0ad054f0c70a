/** Opens interrupts on another thread of the process that shares them. All descriptors stay those of that thread. */
import { Interrupts } from '../../kvm/interrupts.js';
import { EventFd } from '../../native/index.js';
import { VmLink } from '../vm-link/index.js';
import { EventfdSink, type InterruptWiring } from './eventfd-sink.js';
import type { InterruptSink, PinDescription, SinkDescription } from './interrupt-sink.js';
import { InterruptSource, type SharedInterrupts } from './interrupt-source.js';
import { InterruptState } from './interrupt-state.js';
import { KvmSink } from './kvm-sink.js';

export function openInterrupts({ state, sink }: SharedInterrupts): InterruptSource {
  return new InterruptSource(InterruptState.open(state), openSink(sink));
}

function openSink(description: SinkDescription): InterruptSink {
  if (description.kind === 'kvm') {
    const { vm, pinGsi } = description;
    return new KvmSink({ interrupts: new Interrupts({ number: vm }), vm, pinGsi });
  }
  const eventfds = description.eventfds.map((number) => new EventFd(number));
  return new EventfdSink(eventfds, openWiring(description.pin));
}

/** Without routes: the transport makes them before a vector is first signalled. */
function openWiring(pin: PinDescription | null): InterruptWiring {
  const wiring = { route: () => {}, describePin: () => pin };
  return pin === null ? wiring : { ...wiring, setPin: openPin(pin) };
}

function openPin(pin: PinDescription): (asserted: boolean) => void {
  if (pin.kind === 'link') {
    const link = VmLink.open(pin.socket);
    return (asserted) => link.setPin(asserted);
  }
  const interrupts = new Interrupts({ number: pin.vm });
  return (asserted) => interrupts.setLine(pin.gsi, asserted);
}
