/** The documentation of a register block, from its table. */
import { accessMasks, implementedMask, ones } from './masks.js';
import type { BitField, RegisterSpec, RegisterTable } from './table.js';

/** A Markdown section: the registers in order of offset, then the bit fields of each register that has some. */
export function toMarkdown(block: { readonly table: RegisterTable }): string {
  const { name, description, size, registers } = block.table;
  const ordered = registers.toSorted((a, b) => a.offset - b.offset);
  const fields = ordered.filter((spec) => spec.bits !== undefined).map(fieldSection);
  const head = `## ${name}\n\n${description}\n\n${size} bytes.`;
  return `${[head, registerTable(ordered), ...fields].join('\n\n')}\n`;
}

function registerTable(registers: readonly RegisterSpec[]): string {
  return markdownTable(['Offset', 'Width', 'Name', 'Access', 'Reset', 'Description'], registers.map(registerRow));
}

function registerRow(spec: RegisterSpec): string[] {
  const { widths = [spec.width] } = spec;
  const onlyOwn = widths.length === 1 && widths[0] === spec.width;
  return [
    offsetCell(spec),
    onlyOwn ? `${spec.width}` : `${spec.width} (access by ${widths.join(', ')})`,
    arrayName(spec),
    accessCell(spec),
    hex(BigInt(spec.reset ?? 0), 2 * spec.width),
    [spec.description, effect('Read', spec.onRead), effect('Write', spec.onWrite)].filter(Boolean).join(' '),
  ];
}

function offsetCell({ offset, width, count = 1, stride = width }: RegisterSpec): string {
  return count === 1 ? hex(BigInt(offset), 2) : `${hex(BigInt(offset), 2)} + ${stride} n`;
}

function arrayName({ name, count = 1 }: RegisterSpec): string {
  return count === 1 ? name : `${name}[n], n < ${count}`;
}

/** Every access that the register's fields have, the register's own first. */
function accessCell(spec: RegisterSpec): string {
  const accesses = spec.bits?.map((field) => field.access ?? spec.access) ?? [spec.access];
  return [...new Set([spec.access, ...accesses])].filter((access) => accesses.includes(access)).join(', ');
}

function effect(access: string, sentence: string | undefined): string {
  return sentence === undefined ? '' : `${access}: ${sentence}.`;
}

function fieldSection(spec: RegisterSpec): string {
  const fields = (spec.bits ?? []).toSorted((a, b) => a.bit - b.bit);
  const rows = fields.map((field) => [bitsCell(field), field.name, field.access ?? spec.access, field.description]);
  const reserved = ones(spec.width) & ~implementedMask(accessMasks(spec));
  const rest = reserved === 0n ? [] : [['others', '', '', 'Reserved: read as zero, ignore writes.']];
  return `### ${spec.name}\n\n${markdownTable(['Bits', 'Name', 'Access', 'Description'], [...rows, ...rest])}`;
}

function bitsCell({ bit, width = 1 }: BitField): string {
  return width === 1 ? `${bit}` : `${bit + width - 1}:${bit}`;
}

function markdownTable(header: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map(escapeCell).join(' | ')} |`;
  return [line(header), `|${'---|'.repeat(header.length)}`, ...rows.map(line)].join('\n');
}

function escapeCell(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function hex(value: bigint, digits: number): string {
  return `0x${value.toString(16).padStart(digits, '0')}`;
}
