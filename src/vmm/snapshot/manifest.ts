/** What a snapshot is of: `manifest.json`, written last and read first. Read as hostile input. */
import { SavedFields, SavedStateError } from '../../virtio/state/index.js';
import type { DeviceSpec } from '../attach/index.js';
import { SnapshotFormatError } from './errors.js';
import type { SectionTable } from './sections.js';

export const SNAPSHOT_FORMAT = 'ioregion-snapshot';
/** Of the layout and the meaning of all files. Another version is refused. */
export const SNAPSHOT_VERSION = 2;
export const MAX_MANIFEST_BYTES = 2 ** 20;

/** What must be the same where it is restored. */
export interface MachineShape {
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly serial: boolean;
  /** By ascending slot. */
  readonly devices: readonly PlacedShape[];
}

export interface DeviceShape {
  readonly kind: string;
  readonly queues: number;
  readonly configLength: number;
}

export interface PlacedShape extends DeviceShape {
  /** Device number on the PCI bus, from 1 on. */
  readonly slot: number;
}

export interface Manifest {
  readonly format: typeof SNAPSHOT_FORMAT;
  readonly version: number;
  readonly machine: MachineShape;
  readonly state: SectionTable;
}

/** The first word of a name is what the device is; the rest (a path, an interface) may be another one elsewhere. */
export function deviceShape({
  name,
  queues,
  configLength,
}: Pick<DeviceSpec, 'name' | 'queues' | 'configLength'>): DeviceShape {
  return { kind: name.split(' ', 1)[0]!.slice(0, MAX_KIND), queues, configLength };
}

const MAX_CPUS = 64;
const MAX_MEMORY = 2 ** 39;
const MAX_DEVICES = 31;
const MAX_QUEUES = 2 ** 16;
const MAX_CONFIG = 2 ** 16;
const MAX_KIND = 200;

export function parseManifest(text: string): { readonly machine: MachineShape; readonly state: SavedFields } {
  try {
    const fields = new SavedFields(JSON.parse(text), 'manifest.json');
    if (fields.any('format') !== SNAPSHOT_FORMAT) throw new SnapshotFormatError('its manifest is of something else');
    const version = fields.any('version');
    if (version !== SNAPSHOT_VERSION)
      throw new SnapshotFormatError(`version ${shown(version)}; this program reads version ${SNAPSHOT_VERSION}`);
    return { machine: parseShape(fields.fields('machine')), state: fields.fields('state') };
  } catch (error) {
    if (error instanceof SnapshotFormatError) throw error;
    throw new SnapshotFormatError(
      error instanceof SavedStateError ? error.message : 'manifest.json is not JSON',
      error,
    );
  }
}

const shown = (value: unknown): string => (typeof value === 'number' ? String(value) : typeof value);

function parseShape(saved: SavedFields): MachineShape {
  const devices = saved.any('devices');
  const count = Array.isArray(devices) ? devices.length : 0;
  if (count > MAX_DEVICES) throw saved.error('devices', 'are more than a bus has slots');
  return {
    cpus: saved.integer('cpus', MAX_CPUS),
    memory: saved.integer('memory', MAX_MEMORY),
    serial: saved.boolean('serial'),
    devices: parseDevices(saved.records('devices', count)),
  };
}

/** Each slot once, in ascending order. */
function parseDevices(records: readonly SavedFields[]): PlacedShape[] {
  const devices = records.map(parseDevice);
  for (const [index, { slot }] of devices.entries()) {
    if (slot <= (devices[index - 1]?.slot ?? 0)) throw records[index]!.error('slot', 'is not behind the one before');
  }
  return devices;
}

function parseDevice(saved: SavedFields): PlacedShape {
  const kind = saved.any('kind');
  if (typeof kind !== 'string' || kind.length > MAX_KIND) throw saved.error('kind', 'is none');
  const queues = saved.integer('queues', MAX_QUEUES);
  const slot = saved.integer('slot', MAX_DEVICES);
  return { slot, kind, queues, configLength: saved.integer('configLength', MAX_CONFIG) };
}
