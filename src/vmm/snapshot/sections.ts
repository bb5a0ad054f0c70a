/** Named pieces of bytes in one file, with a table of where each is. What comes back is checked as hostile input. */
import { createHash } from 'node:crypto';
import { SavedFields } from '../../virtio/state/index.js';
import { SnapshotFormatError } from './errors.js';

export type Sections = ReadonlyMap<string, Uint8Array>;

/** In the manifest. */
export interface SectionTable {
  readonly bytes: number;
  /** Of the file, in hexadecimal: against damage, not against somebody who can write the manifest as well. */
  readonly sha256: string;
  readonly sections: readonly { readonly name: string; readonly offset: number; readonly length: number }[];
}

/** 64 vCPUs and 32 devices have less. */
export const MAX_SECTION_BYTES = 64 * 2 ** 20;
const MAX_SECTIONS = 4096;
const MAX_NAME = 64;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export function packSections(sections: Sections): { readonly table: SectionTable; readonly bytes: Uint8Array } {
  let offset = 0;
  const entries = [...sections].map(([name, { length }]) => {
    const entry = { name, offset, length };
    offset += length;
    return entry;
  });
  const bytes = Buffer.concat([...sections.values()]);
  return { table: { bytes: bytes.length, sha256: sha256(bytes), sections: entries }, bytes };
}

/** @throws SavedStateError, SnapshotFormatError */
export function unpackSections(table: SavedFields, bytes: Uint8Array): Sections {
  if (table.integer('bytes', MAX_SECTION_BYTES) !== bytes.length)
    throw new SnapshotFormatError(`its state has ${bytes.length} bytes`);
  if (table.any('sha256') !== sha256(bytes)) throw new SnapshotFormatError('its state is damaged (SHA-256)');
  const entries = table.any('sections');
  if (!Array.isArray(entries) || entries.length > MAX_SECTIONS) throw table.error('sections', 'are not a table');
  const sections = new Map<string, Uint8Array>();
  for (const entry of entries as unknown[]) {
    const { name, section } = unpackOne(new SavedFields(entry, 'a section'), bytes);
    if (sections.has(name)) throw new SnapshotFormatError(`it has two sections ${name}`);
    sections.set(name, section);
  }
  return sections;
}

function unpackOne(entry: SavedFields, bytes: Uint8Array): { readonly name: string; readonly section: Uint8Array } {
  const name = entry.any('name');
  if (typeof name !== 'string' || name.length > MAX_NAME) throw entry.error('name', 'is none');
  const offset = entry.integer('offset', bytes.length);
  const length = entry.integer('length', bytes.length - offset);
  return { name, section: bytes.subarray(offset, offset + length) };
}

/** @throws SnapshotFormatError where there is none, or one of another length */
export function section(sections: Sections, name: string, length?: number): Uint8Array {
  const found = sections.get(name);
  if (found === undefined) throw new SnapshotFormatError(`it has no section ${name}`);
  if (length !== undefined && found.length !== length)
    throw new SnapshotFormatError(`its section ${name} has ${found.length} bytes, not ${length}`);
  return found;
}
