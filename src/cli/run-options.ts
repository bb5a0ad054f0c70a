/** Option values of `ioregion run`, from text to descriptions. */
import { InvalidArgumentError } from 'commander';
import { DEVICE_POLICIES, isAttach } from '../vmm/attach/device-spec.js';
import type { Attach, DevicePolicy, DiskDescription, NetDescription, Placement } from '../vmm/index.js';
import { parseCpus } from './cpu-list.js';

const UNITS: Readonly<Record<string, number>> = { '': 2 ** 20, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** `512M`, `2G`; without a unit in MiB. Bytes. */
export function parseMemory(text: string): number {
  const [, digits, unit] = /^([1-9]\d{0,8})([KMG]?)$/.exec(text.toUpperCase()) ?? [];
  if (digits === undefined) throw new InvalidArgumentError('It must be a size like 512M or 2G.');
  return Number(digits) * UNITS[unit ?? '']!;
}

export function parseCount(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('It must be a number from 1 on.');
  return Number(text);
}

/** `PATH[,readonly][,queues=N]` and a placement, added to those before. */
export function parseDisk(text: string, before: readonly DiskDescription[] = []): DiskDescription[] {
  const [path = '', ...rest] = text.split(',');
  if (path === '' || path.includes('=')) throw new InvalidArgumentError('It must begin with the path of an image.');
  const settings = parseSettings(rest, ['readonly', 'queues', ...PLACEMENT]);
  const queues = settings.get('queues');
  const disk = {
    path,
    ...(settings.has('readonly') ? { readonly: true } : {}),
    ...(queues === undefined ? {} : { queues: parseCount(queues) }),
    ...placement(settings),
  };
  return [...before, disk];
}

/** `tap=NAME[,mac=…]` and a placement, added to those before. */
export function parseNet(text: string, before: readonly NetDescription[] = []): NetDescription[] {
  const settings = parseSettings(text.split(','), ['tap', 'mac', ...PLACEMENT]);
  const tap = settings.get('tap');
  if (tap === undefined || tap === '') throw new InvalidArgumentError('It must name an interface: tap=NAME.');
  const mac = settings.get('mac');
  return [...before, { tap, ...(mac === undefined ? {} : { mac }), ...placement(settings) }];
}

/** `WHERE[,cpus=…][,spin=…]`: `inline`, `thread`, `process`, or `vhost-user:` and the path of a socket. */
export function parsePlacement(text: string): Placement {
  return placement(parseSettings(`attach=${text}`.split(','), PLACEMENT));
}

/** `VCPU=CPUS`, added to those before: lists of host CPUs by vCPU, empty for those that are not named. */
export function parsePin(text: string, before: readonly (readonly number[])[] = []): (readonly number[])[] {
  const [, vcpu, cpus] = /^(\d{1,2})=(.+)$/.exec(text) ?? [];
  if (cpus === undefined) throw new InvalidArgumentError('It must be a vCPU and host CPUs, like 0=1 or 1=2-3.');
  const length = Math.max(before.length, Number(vcpu) + 1);
  return Array.from({ length }, (_, index) => (index === Number(vcpu) ? parseCpus(cpus) : (before[index] ?? [])));
}

/** Settings that every device has. */
const PLACEMENT = ['attach', 'cpus', 'spin', 'policy', 'id'];
const NS_PER_US = 1000;
const MAX_SPIN_US = 9999;

function placement(settings: ReadonlyMap<string, string>): Placement {
  const [attach, cpus, spin, policy, id] = PLACEMENT.map((name) => settings.get(name));
  return {
    ...(attach === undefined ? {} : { attach: parseAttach(attach) }),
    ...(cpus === undefined ? {} : { cpus: parseCpus(cpus) }),
    ...(spin === undefined ? {} : { spinNs: parseSpin(spin) }),
    ...(policy === undefined ? {} : { policy: parsePolicy(policy) }),
    ...(id === undefined ? {} : { id }),
  };
}

function parseAttach(text: string): Attach {
  if (!isAttach(text)) throw new InvalidArgumentError('It must be inline, thread, process or vhost-user:PATH.');
  return text;
}

function parsePolicy(text: string): DevicePolicy {
  const policy = DEVICE_POLICIES.find((one) => one === text);
  if (policy === undefined) throw new InvalidArgumentError(`policy must be ${DEVICE_POLICIES.join(', ')}.`);
  return policy;
}

/** µs on the command line. ns. */
function parseSpin(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError(`spin must be 0 to ${MAX_SPIN_US} µs.`);
  return Number(text) * NS_PER_US;
}

function parseSettings(parts: readonly string[], known: readonly string[]): Map<string, string> {
  const settings = new Map<string, string>();
  for (const part of parts) {
    const [key = '', ...value] = part.split('=');
    if (!known.includes(key)) throw new InvalidArgumentError(`"${key}" is not one of ${known.join(', ')}.`);
    settings.set(key, value.join('='));
  }
  return settings;
}
