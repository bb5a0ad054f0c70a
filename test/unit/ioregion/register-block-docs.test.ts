import { RegisterBlock, toMarkdown } from 'ioregion/ioregion';
import { expect, test } from 'vitest';

test('the documentation of a block shows every register, its effects, arrays and bit fields', () => {
  const block = new RegisterBlock({
    name: 'engine',
    description: 'Moves data.',
    size: 0x40,
    registers: [
      { offset: 0x20, width: 2, count: 4, stride: 8, name: 'QUEUE_SIZE', access: 'rw', description: 'Entries.' },
      {
        offset: 0x00,
        width: 4,
        widths: [1, 4],
        name: 'CONTROL',
        access: 'rw',
        reset: 0x10,
        onRead: 'takes a sample',
        onWrite: 'starts the engine',
        bits: [
          { bit: 8, name: 'DONE', access: 'w1c', description: 'Finished | failed.' },
          { bit: 4, width: 2, name: 'MODE', description: 'How.' },
        ],
        description: 'Controls\nit.',
      },
      { offset: 0x08, width: 8, name: 'BASE', access: 'wo', description: 'Where.' },
    ],
  });
  expect(toMarkdown(block)).toBe(`## engine

Moves data.

64 bytes.

| Offset | Width | Name | Access | Reset | Description |
|---|---|---|---|---|---|
| 0x00 | 4 (access by 1, 4) | CONTROL | rw, w1c | 0x00000010 | Controls it. Read: takes a sample. Write: starts the engine. |
| 0x08 | 8 | BASE | wo | 0x0000000000000000 | Where. |
| 0x20 + 8 n | 2 | QUEUE_SIZE[n], n < 4 | rw | 0x0000 | Entries. |

### CONTROL

| Bits | Name | Access | Description |
|---|---|---|---|
| 5:4 | MODE | rw | How. |
| 8 | DONE | w1c | Finished \\| failed. |
| others |  |  | Reserved: read as zero, ignore writes. |
`);
});
