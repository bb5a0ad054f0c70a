/** The devices that a description can name, as specs. */
import { type BlockDeviceOptions, checkBlockImage } from '../../virtio/devices/blk/index.js';
import type { PlainConsoleOptions } from '../../virtio/devices/console/index.js';
import type { TapDeviceOptions } from '../../virtio/devices/net/index.js';
import { DeviceType } from '../../virtio/spec/index.js';
import { MachineOptionError } from '../errors.js';
import {
  type CustomDeviceOptions,
  DEVICE_POLICIES,
  type DeviceSpec,
  isAttach,
  type Placement,
  VHOST_USER,
} from './device-spec.js';

export type DiskDescription = BlockDeviceOptions & Placement;
export type NetDescription = TapDeviceOptions & Placement;

export interface DeviceDescriptions {
  /** Block devices, in the order in which the guest finds them. */
  readonly disks?: readonly DiskDescription[];
  /** Network devices on TAP interfaces. */
  readonly nets?: readonly NetDescription[];
  /** Virtio consoles; the serial port is apart. */
  readonly consoles?: readonly (PlainConsoleOptions & Placement)[];
  /** A source of random numbers. Default: none. */
  readonly rng?: boolean | Placement;
  readonly devices?: readonly CustomDeviceOptions[];
}

const NOT_A_POLICY = `policy is ${DEVICE_POLICIES.join(', ')}`;
const NOT_AN_ATTACH = 'attach is inline, thread, process, or vhost-user: and the path of a socket';
const moduleOf = (name: string): string => new URL(`../../virtio/devices/${name}/index.js`, import.meta.url).href;
/** Bytes of `struct virtio_blk_config`, `virtio_net_config` and `virtio_console_config`, as the devices have them. */
const ConfigLength = { blk: 60, net: 12, console: 12, rng: 0 } as const;
const Type = {
  blk: DeviceType.block,
  net: DeviceType.network,
  console: DeviceType.console,
  rng: DeviceType.entropy,
} as const;

/** In the order of their slots. @throws MachineOptionError */
export function deviceSpecs({
  disks = [],
  nets = [],
  consoles = [],
  rng,
  devices = [],
}: DeviceDescriptions): DeviceSpec[] {
  const specs = [
    ...disks.map((disk) => diskSpec(disk)),
    ...nets.map((net) => netSpec(net)),
    ...consoles.map((console) => consoleSpec(console)),
    ...(rng === undefined || rng === false ? [] : [spec('rng', 'rng', undefined, 1, rng === true ? {} : rng)]),
    ...devices.map(({ name, attach = 'inline', ...rest }) => ({ ...rest, attach, name: name ?? rest.device.module })),
  ];
  for (const spec of specs) checkPlacement(spec, specs);
  return specs;
}

function checkPlacement(
  { id, attach, name, deviceType, hasBackends, policy = 'all-ones' }: DeviceSpec,
  all: readonly DeviceSpec[],
): void {
  const isShared = id !== undefined && all.filter((other) => other.id === id).length > 1;
  if (isShared || id === '') throw new MachineOptionError(`${name}: no two devices have the same id, nor an empty one`);
  if (!DEVICE_POLICIES.includes(policy)) throw new MachineOptionError(`${name}: ${NOT_A_POLICY}, not ${policy}`);
  if (!isAttach(attach)) throw new MachineOptionError(`${name}: ${NOT_AN_ATTACH}, not ${attach}`);
  if (attach.startsWith(VHOST_USER) && (deviceType === undefined || hasBackends !== true))
    throw new MachineOptionError(`${name} cannot have a vhost-user backend: only disks can`);
}

/** An image that is missing, or in use, is told before there are threads and processes to tell it through. */
function diskSpec({ id, attach, cpus, spinNs, policy, ...options }: DiskDescription): DeviceSpec {
  const placement = { id, attach, cpus, spinNs, policy };
  const made = { ...spec('blk', options.path, options, options.queues ?? 1, placement), hasBackends: true } as const;
  if (attach?.startsWith(VHOST_USER)) return made;
  return { ...made, check: async () => checkBlockImage(options) };
}

function netSpec({ id, attach, cpus, spinNs, policy, ...options }: NetDescription): DeviceSpec {
  const placement = { id, attach, cpus, spinNs, policy };
  return spec('net', options.tap, options, 2 * (options.queuePairs ?? 1) + 1, placement);
}

function consoleSpec({ id, attach, cpus, spinNs, policy, ...options }: PlainConsoleOptions & Placement): DeviceSpec {
  const placement = { id, attach, cpus, spinNs, policy };
  return spec('console', 'console', options, consoleQueues(options), placement);
}

/** What a placement leaves open is undefined, or missing. */
type Placed = { readonly [K in keyof Placement]: Placement[K] | undefined };

function spec(
  kind: keyof typeof ConfigLength,
  name: string,
  options: unknown,
  queues: number,
  { id, attach = 'inline', cpus, spinNs, policy }: Placed,
): DeviceSpec {
  const device = { module: moduleOf(kind), options };
  const own = { isBuiltIn: true, device, deviceType: Type[kind], attach } as const;
  const threads = { ...(cpus === undefined ? {} : { cpus }), ...(spinNs === undefined ? {} : { spinNs }) };
  const ending = { ...(policy === undefined ? {} : { policy }), ...(id === undefined ? {} : { id }) };
  return { name: `${kind} ${name}`, ...own, queues, configLength: ConfigLength[kind], ...threads, ...ending };
}

/** Several ports, or names, bring control queues with them. */
function consoleQueues({ ports, multiport }: PlainConsoleOptions): number {
  const isMultiport = multiport ?? (ports.length > 1 || (ports[0]?.name ?? '') !== '');
  return isMultiport ? 2 * (ports.length + 1) : 2;
}
