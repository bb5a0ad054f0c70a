/** Functions in a snapshot: sections of their own, wherever their thread was and wherever it will be. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeState, encodeState } from '#dist/src/virtio/state/index.js';
import { joinBoard, splitBoard } from '#dist/src/vmm/snapshot/function-sections.js';

const disk = { status: 15, queues: [{ size: 8, base: 5n }] };
const board = { serial: { ier: 1 }, functions: { 'slot 1': disk, 'slot 3': { status: 0 } } };

describe('the state of a board', () => {
  test('gives each of its functions a section', () => {
    const sections = splitBoard(encodeState(board));
    expect([...sections.keys()]).toEqual(['board', 'slot 1', 'slot 3']);
    expect(decodeState(sections.get('slot 1')!)).toEqual(disk);
  });

  test('is joined from them as it was', () => {
    expect(decodeState(joinBoard(splitBoard(encodeState(board))))).toEqual(board);
  });

  test('takes in functions that were elsewhere, and nothing else', () => {
    const sections = new Map([
      ['board', encodeState({ serial: { ier: 1 } })],
      ['vcpu 0 regs', new Uint8Array(144)],
      ['slot 2', encodeState(disk)],
    ]);
    expect(decodeState(joinBoard(sections))).toEqual({ serial: { ier: 1 }, functions: { 'slot 2': disk } });
  });

  test('from anybody is joined or refused with a code', () => {
    const state = fc.oneof(fc.uint8Array({ maxLength: 64 }), fc.jsonValue().map(encodeJson));
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('board', 'slot 1', 'slot x', '__proto__'), state), (all) => {
        try {
          joinBoard(new Map(Object.entries(all)));
        } catch (error) {
          expect((error as NodeJS.ErrnoException).code).toMatch(/^ERR_IOREGION_/);
        }
      }),
    );
  });
});

function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
