/** How the figures came about: what a reader needs to trust or to repeat them. */
import { formatMicroseconds } from '../mmio/format.js';
import type { HostFacts } from '../mmio/host.js';
import { SLOT_MS, WARM_UP_MS } from '../mmio/schedule.js';
import { html, type Markup } from './html.js';

const SPLIT_POSTED =
  'For posted writes and doorbells, which are meant to be handled while the guest goes on, the device has a CPU of its own.';

export function methodNotes(host: HostFacts): Markup {
  const notes = [interleaving(host), figures(), placement(host), postedWrites(), floor(host)];
  return html`<ul>${notes.map((note) => html`<li>${note}</li>`)}</ul>`;
}

function interleaving(host: HostFacts): string {
  return (
    `Each path is measured in slots of about ${SLOT_MS} ms, js, c, js, c, …, ${host.seconds_per_pair} s in all, after a ` +
    `warm-up of ${WARM_UP_MS} ms each that is not recorded: drift of a shared machine hits both alike.`
  );
}

function figures(): string {
  return (
    'p50 is the median over the slots of their exact medians; js/c p50 is the median over the rounds of the quotient of ' +
    'neighbouring slots, and so is js/c throughput. ' +
    'The other percentiles and the mean come from a histogram of all samples with three significant digits.'
  );
}

function placement({ placement: { mode, waiting, posted } }: HostFacts): string {
  const shared = 'share a CPU: no idle CPU has to be woken for a command';
  const apart = 'have a CPU each: waking an idle one is part of the figures';
  if (mode !== 'auto') return `The vCPU thread and the device thread ${mode === 'same' ? shared : apart}.`;
  const rest = posted.vcpu === posted.device ? 'There is no second CPU for posted writes.' : SPLIT_POSTED;
  return `Where the guest waits for the device (CPU ${waiting.vcpu}), the vCPU thread and the device thread ${shared}. ${rest}`;
}

function postedWrites(): string {
  return (
    'The latency of a posted write or a doorbell is the time until the guest goes on; accesses/s counts until the ' +
    'device has handled the last one. Every slot compares what the device counted and summed with what was sent.'
  );
}

function floor(host: HostFacts): string {
  const floorNs = host.guest_timer_floor_ns;
  return floorNs === null
    ? 'No guest ran: the accesses were made and timed by a thread of this process.'
    : `The guest times its own accesses with its TSC; two readings with nothing between them are ${formatMicroseconds(floorNs)} µs ` +
        'apart, and that is part of every sample. Loopback accesses are timed by the thread that makes them.';
}
