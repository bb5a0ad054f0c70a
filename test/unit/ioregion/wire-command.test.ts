import fc from 'fast-check';
import {
  type CommandFields,
  CommandKind,
  CommandView,
  encodeCommand,
  MESSAGE_SIZE,
  messageWords,
  ProtocolError,
  WireFault,
  type WireVersion,
} from 'ioregion/ioregion';
import { describe, expect, test } from 'vitest';

const sizes = [1, 2, 4, 8];
const u32 = fc.integer({ min: 0, max: 0xffffffff });

/** Commands whose data field is already cut to their size, as an encoder leaves it. */
const commands: fc.Arbitrary<CommandFields> = fc
  .record({
    kind: fc.constantFrom(CommandKind.read, CommandKind.write),
    size: fc.constantFrom(...sizes),
    responseWanted: fc.boolean(),
    userDataLow: u32,
    userDataHigh: u32,
    offset: fc.maxSafeNat(),
    dataLow: u32,
    dataHigh: u32,
  })
  .map((command) => ({
    ...command,
    responseWanted: command.responseWanted || command.kind === CommandKind.read,
    dataLow: command.size < 4 ? command.dataLow % 256 ** command.size : command.dataLow,
    dataHigh: command.size === 8 ? command.dataHigh : 0,
  }));
const versions = fc.constantFrom<WireVersion>(2, 3);

/** A batch area of one command, with a view for the codec and one for a test that tampers with it. */
function batchOfOne() {
  const area = new ArrayBuffer(MESSAGE_SIZE);
  return { view: new CommandView(area, 0, 1), words: messageWords(area, 0, 1), bytes: new Uint8Array(area) };
}

function fieldsOf(view: CommandView): CommandFields {
  const { kind, size, responseWanted, userDataLow, userDataHigh, offset, dataLow, dataHigh } = view;
  return { kind, size, responseWanted, userDataLow, userDataHigh, offset, dataLow, dataHigh };
}

/** Every head either revision allows, written out from the protocol's text rather than from the codec's constants. */
const validHeads = new Map<number, Pick<CommandFields, 'kind' | 'size' | 'responseWanted'>>();
for (const [sizeCode, size] of sizes.entries()) {
  for (const v2 of [true, false]) {
    const head = (kind: number, response: number) =>
      v2 ? kind + sizeCode * 16 + response * 64 : kind + sizeCode * 256 + response * 4096;
    validHeads.set(head(0, 1), { kind: CommandKind.read, size, responseWanted: true });
    validHeads.set(head(1, 1), { kind: CommandKind.write, size, responseWanted: true });
    validHeads.set(head(1, 0), { kind: CommandKind.write, size, responseWanted: false });
  }
}

describe('commands', () => {
  test('what either revision encodes decodes to the same fields', () => {
    const { view, words } = batchOfOne();
    const roundTrip = fc.property(commands, versions, (command, version) => {
      encodeCommand(words, 0, command, version);
      expect(view.decode(0)).toBe(WireFault.none);
      expect(fieldsOf(view)).toEqual(command);
    });
    fc.assert(roundTrip, { numRuns: 5000 });
  });

  test('the revision is recognised message by message, in one batch', () => {
    const area = new ArrayBuffer(4 * MESSAGE_SIZE);
    const words = messageWords(area, 0, 4);
    const view = new CommandView(area, 0, 4);
    const command: CommandFields = {
      kind: CommandKind.write,
      size: 4,
      responseWanted: true,
      userDataLow: 1,
      userDataHigh: 2,
      offset: 8,
      dataLow: 7,
      dataHigh: 0,
    };
    for (const [index, version] of ([2, 3, 3, 2] as const).entries()) encodeCommand(words, index, command, version);
    const seen = [0, 1, 2, 3].map((index) => [view.decode(index), view.version, view.userData]);
    expect(seen).toEqual([2, 3, 3, 2].map((version) => [WireFault.none, version, 0x2_0000_0001n]));
  });

  test('a posted 1-byte write is the only head both revisions have, and 23 heads are valid in all', () => {
    const { words } = batchOfOne();
    const headsOf = (version: WireVersion) => {
      const heads = new Set<number>();
      for (const fields of validHeads.values()) {
        encodeCommand(
          words,
          0,
          { userDataLow: 0, userDataHigh: 0, offset: 0, dataLow: 0, dataHigh: 0, ...fields },
          version,
        );
        heads.add(words[0]!);
      }
      return heads;
    };
    const [v2, v3] = [headsOf(2), headsOf(3)];
    expect([...v2].filter((head) => v3.has(head))).toEqual([0x0001]);
    expect(new Set([...v2, ...v3])).toEqual(new Set(validHeads.keys()));
    expect(validHeads.size).toBe(23);
  });

  test('unused bytes are zero, whatever the area held before', () => {
    const { words, bytes } = batchOfOne();
    const cleared = fc.property(commands, versions, (command, version) => {
      bytes.fill(0xff);
      encodeCommand(words, 0, command, version);
      expect([...bytes.subarray(2, 8)]).toEqual([0, 0, 0, 0, 0, 0]);
      expect([...bytes.subarray(24 + command.size)].every((byte) => byte === 0)).toBe(true);
    });
    fc.assert(cleared);
  });

  test('bytes of the data field beyond the access size are dropped', () => {
    const { view, words } = batchOfOne();
    const truncated = fc.property(commands, versions, u32, u32, (command, version, low, high) => {
      encodeCommand(words, 0, command, version);
      words[6] = low;
      words[7] = high;
      expect(view.decode(0)).toBe(WireFault.none);
      const whole = BigInt(low) + BigInt(high) * 2n ** 32n;
      const decoded = BigInt(view.dataLow) + BigInt(view.dataHigh) * 2n ** 32n;
      expect(decoded).toBe(BigInt.asUintN(8 * command.size, whole));
    });
    fc.assert(truncated);
  });

  test('what makes no command is refused with its rule, and leaves the area alone', () => {
    const { words, bytes } = batchOfOne();
    const good: CommandFields = {
      kind: CommandKind.read,
      size: 4,
      responseWanted: true,
      userDataLow: 0,
      userDataHigh: 0,
      offset: 0,
      dataLow: 0,
      dataHigh: 0,
    };
    const bad: [Partial<CommandFields>, string][] = [
      [{ size: 3 }, 'badSize'],
      [{ size: 0 }, 'badSize'],
      [{ responseWanted: false }, 'readWithoutResponse'],
      [{ offset: 2 ** 53 }, 'offsetTooLarge'],
      [{ offset: -1 }, 'offsetTooLarge'],
      [{ offset: 0.5 }, 'offsetTooLarge'],
    ];
    for (const [change, rule] of bad) {
      const encode = () => encodeCommand(words, 0, { ...good, ...change }, 3);
      expect(encode).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_PROTOCOL', rule }));
      expect(encode).toThrow(ProtocolError);
      expect(bytes.every((byte) => byte === 0)).toBe(true);
    }
  });
});

describe('malformed commands', () => {
  test('of all 65,536 two-byte heads exactly the valid ones decode, to their fields', () => {
    const { view, words } = batchOfOne();
    const accepted = new Map<number, object>();
    for (let head = 0; head < 0x10000; head += 1) {
      words[0] = head;
      if (view.decode(0) !== WireFault.none) continue;
      accepted.set(head, { kind: view.kind, size: view.size, responseWanted: view.responseWanted });
    }
    expect(accepted).toEqual(validHeads);
  });

  test('each fault is named', () => {
    const { view, words } = batchOfOne();
    const faults: [head: number, fault: WireFault][] = [
      [0x1040, WireFault.mixedVersions],
      [0x0111, WireFault.mixedVersions],
      [0x1080, WireFault.unknownCommand],
      [0x3001, WireFault.reservedBits],
      [0x0001_1000, WireFault.reservedBits],
      [0x0000_00c0, WireFault.reservedBits],
      [0x8000_0040, WireFault.reservedBits],
      [0x1002, WireFault.unknownCommand],
      [0x0042, WireFault.unknownCommand],
      [0x1400, WireFault.badSize],
      [0x1f01, WireFault.badSize],
      [0x0200, WireFault.readWithoutResponse],
      [0x0020, WireFault.readWithoutResponse],
      [0x0000, WireFault.readWithoutResponse],
    ];
    for (const [head, fault] of faults) {
      words[0] = head;
      expect([head, view.decode(0)]).toEqual([head, fault]);
    }
  });

  test('every single-bit corruption is a valid command that differs in just that bit, or a named fault', () => {
    const { view, words, bytes } = batchOfOne();
    const corrupt = fc.property(commands, versions, fc.nat(255), (command, version, bit) => {
      encodeCommand(words, 0, command, version);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      const fault = view.decode(0);
      if (bit < 32) expectHead(view, fault, words[0]!, command);
      else if (bit < 64) expect(fault).toBe(WireFault.reservedBits);
      else if (bit >= 128 + 53 && bit < 192) expect(fault).toBe(WireFault.offsetTooLarge);
      else expectFlipped(view, fault, command, bit);
    });
    fc.assert(corrupt, { numRuns: 20_000 });
  });

  function expectHead(view: CommandView, fault: WireFault, head: number, command: CommandFields): void {
    const valid = validHeads.get(head);
    expect(fault === WireFault.none).toBe(valid !== undefined);
    if (valid === undefined) return;
    const data = BigInt.asUintN(8 * valid.size, BigInt(command.dataLow) + BigInt(command.dataHigh) * 2n ** 32n);
    const halves = { dataLow: Number(data % 2n ** 32n), dataHigh: Number(data / 2n ** 32n) };
    expect(fieldsOf(view)).toEqual({ ...command, ...valid, ...halves });
  }

  function expectFlipped(view: CommandView, fault: WireFault, command: CommandFields, bit: number): void {
    expect(fault).toBe(WireFault.none);
    const flip = (low: number, high: number, at: number) => {
      const value = BigInt(low) + BigInt(high) * 2n ** 32n;
      return at >= 0 && at < 64 ? value ^ (1n << BigInt(at)) : value;
    };
    expect(view.userData).toBe(flip(command.userDataLow, command.userDataHigh, bit - 64));
    expect(BigInt(view.offset)).toBe(flip(command.offset, 0, bit - 128));
    const data = flip(command.dataLow, command.dataHigh, bit - 192);
    const decoded = BigInt(view.dataLow) + BigInt(view.dataHigh) * 2n ** 32n;
    expect(decoded).toBe(BigInt.asUintN(8 * command.size, data));
  }

  test('the largest offset is 2^53 - 1; the next is a fault', () => {
    const { view, words } = batchOfOne();
    words[0] = 0x1000;
    words.set([0xffffffff, 0x1fffff], 4);
    expect([view.decode(0), view.offset]).toEqual([WireFault.none, 2 ** 53 - 1]);
    words.set([0, 0x200000], 4);
    expect(view.decode(0)).toBe(WireFault.offsetTooLarge);
  });

  test('an index outside the area, or an area that was detached, is a fault and no crash', () => {
    const { view, words } = batchOfOne();
    words[0] = 0x1000;
    expect([view.decode(0), view.decode(1), view.decode(-1)]).toEqual([
      WireFault.none,
      WireFault.messageLength,
      WireFault.messageLength,
    ]);
    structuredClone(words.buffer, { transfer: [words.buffer] });
    expect(view.decode(0)).toBe(WireFault.messageLength);
  });
});
