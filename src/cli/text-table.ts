/**
 * Text in a frame, in columns as wide as their widest cell. For `ioregion probe`, which ends before a library that wraps
 * and colours cells as well would be loaded.
 */
type Rows = readonly (readonly string[])[];

/** All rows have as many cells as the first; a cell is one line of characters of single width. */
export function textTable(rows: Rows): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const rule = (left: string, middle: string, right: string) =>
    `${left}${widths.map((width) => '─'.repeat(width + 2)).join(middle)}${right}`;
  const line = (row: readonly string[]) => `│ ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(' │ ')} │`;
  return [rule('┌', '┬', '┐'), ...rows.map(line), rule('└', '┴', '┘')].join('\n');
}
