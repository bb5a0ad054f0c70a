/** Option values of `ioregion run`, from text to descriptions. */
import { InvalidArgumentError } from 'commander';
import { isAttach } from '../vmm/attach/device-spec.js';
import type { Attach, DiskDescription, NetDescription } from '../vmm/index.js';

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

/** `PATH[,readonly][,queues=N][,attach=…]`, added to those before. */
export function parseDisk(text: string, before: readonly DiskDescription[] = []): DiskDescription[] {
  const [path = '', ...rest] = text.split(',');
  if (path === '' || path.includes('=')) throw new InvalidArgumentError('It must begin with the path of an image.');
  const settings = parseSettings(rest, ['readonly', 'queues', 'attach']);
  const queues = settings.get('queues');
  const disk = {
    path,
    ...(settings.has('readonly') ? { readonly: true } : {}),
    ...(queues === undefined ? {} : { queues: parseCount(queues) }),
    ...placement(settings),
  };
  return [...before, disk];
}

/** `tap=NAME[,mac=…][,attach=…]`, added to those before. */
export function parseNet(text: string, before: readonly NetDescription[] = []): NetDescription[] {
  const settings = parseSettings(text.split(','), ['tap', 'mac', 'attach']);
  const tap = settings.get('tap');
  if (tap === undefined || tap === '') throw new InvalidArgumentError('It must name an interface: tap=NAME.');
  const mac = settings.get('mac');
  return [...before, { tap, ...(mac === undefined ? {} : { mac }), ...placement(settings) }];
}

/** `inline`, `thread`, `process`, or `vhost-user:` and the path of a socket. */
export function parseAttach(text: string): Attach {
  if (!isAttach(text)) throw new InvalidArgumentError('It must be inline, thread, process or vhost-user:PATH.');
  return text;
}

function placement(settings: ReadonlyMap<string, string>): { attach?: Attach } {
  const attach = settings.get('attach');
  return attach === undefined ? {} : { attach: parseAttach(attach) };
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
