/** The ELF note with the PVH entry point (XEN_ELFNOTE_PHYS32_ENTRY). */
const HEAD_BYTES = 12;
const PHYS32_ENTRY = 18;
const NAME = 'Xen\0';

/** The guest-physical entry point; null where no segment of notes has one. */
export function findPvhEntry(segments: readonly Uint8Array[]): number | null {
  for (const bytes of segments) {
    const entry = findInNotes(bytes);
    if (entry !== null) return entry;
  }
  return null;
}

const aligned = (size: number): number => Math.ceil(size / 4) * 4;

/** Lengths are of the file's making: every step is checked against what is left. */
function findInNotes(bytes: Uint8Array): number | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + HEAD_BYTES <= bytes.length; ) {
    const nameSize = view.getUint32(at, true);
    const size = view.getUint32(at + 4, true);
    const type = view.getUint32(at + 8, true);
    const name = at + HEAD_BYTES;
    const data = name + aligned(nameSize);
    if (data + size > bytes.length) return null;
    if (type === PHYS32_ENTRY && size >= 4 && isXen(bytes.subarray(name, name + nameSize))) {
      return view.getUint32(data, true);
    }
    at = data + aligned(size);
  }
  return null;
}

function isXen(name: Uint8Array): boolean {
  return name.length === NAME.length && String.fromCharCode(...name) === NAME;
}
