/** From descriptions to open sinks and notifiers. */
import { Interrupts } from '../../kvm/interrupts.js';
import { Ioeventfds } from '../../kvm/ioeventfds.js';
import { EventFd } from '../../native/index.js';
import { HostNotifiers, type HostNotifiersOptions } from '../host-notifier/index.js';
import {
  EventfdSink,
  GsiRoutes,
  GsiWiring,
  type InterruptSink,
  type InterruptWiring,
  KvmSink,
} from '../interrupt/index.js';
import { VmLink } from '../vm-link/index.js';
import type { FdRef, InterruptWiringOptions, KickWiringOptions } from './function-options.js';

/** The number behind a reference. All stay those of whoever opened them. */
export type ResolveFd = (fd: FdRef) => number;

export function openSink(options: InterruptWiringOptions, resolve: ResolveFd): InterruptSink {
  if (options.kind === 'kvm') {
    const vm = resolve(options.vm);
    return new KvmSink({ interrupts: new Interrupts({ number: vm }), vm, pinGsi: options.pinGsi ?? null });
  }
  const eventfds = options.eventfds.map((fd) => new EventFd(resolve(fd)));
  return new EventfdSink(eventfds, openWiring(options, resolve));
}

/** Whether INTA# can be driven: known without the sink. */
export function hasPin(options: InterruptWiringOptions): boolean {
  if (options.kind === 'link') return options.pin === true;
  return options.kind !== 'eventfds' && options.pinGsi !== undefined;
}

type EventfdWiringOptions = Exclude<InterruptWiringOptions, { kind: 'kvm' }>;

function openWiring(options: EventfdWiringOptions, resolve: ResolveFd): InterruptWiring {
  if (options.kind === 'irqfds') {
    const { routes, firstGsi, pinGsi } = options;
    const interrupts = new Interrupts({ number: routes.vm });
    const pin = pinGsi === undefined ? null : { interrupts, vm: routes.vm, gsi: pinGsi };
    return new GsiWiring(GsiRoutes.open(routes), firstGsi, pin);
  }
  if (options.kind === 'eventfds') return { route: () => {}, describePin: () => null };
  const link = VmLink.open(resolve(options.socket));
  const route: InterruptWiring['route'] = (vector, message) => link.route(vector, message);
  if (options.pin !== true) return { route, describePin: () => null };
  return { route, setPin: (asserted) => link.setPin(asserted), describePin: () => link.describePin() };
}

export function openNotifiers(options: KickWiringOptions, queues: number, resolve: ResolveFd): HostNotifiers {
  const binder =
    options.kind === 'kvm' ? new Ioeventfds({ number: resolve(options.vm) }) : VmLink.open(resolve(options.socket));
  const limit: Pick<HostNotifiersOptions, 'limit'> = options.limit === undefined ? {} : { limit: options.limit };
  return new HostNotifiers({ binder, queues, ...limit });
}
