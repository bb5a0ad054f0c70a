/** What every region server does with commands, good and bad: both kinds of server, over each kind of file. */
import { type AsyncRegisterDevice, ProtocolError } from 'ioregion/ioregion';
import { describe, expect, it } from 'vitest';
import { responseBytes } from '#dist/test/contract/scripted-peer.js';
import { commandBytes, exchange, type Outcome, SERVER_KINDS } from '#dist/test/contract/server-exchange.js';

interface Seen {
  readonly device: string;
  readonly access: string;
}

/** Remembers its accesses and reads as its offset plus a constant. */
function recorder(device: string, seen: Seen[], base = 0): AsyncRegisterDevice {
  return {
    read: (offset, size) => {
      seen.push({ device, access: `read ${offset} ${size}` });
      return base + offset;
    },
    write: (offset, size, value) => {
      seen.push({ device, access: `write ${offset} ${size} ${value}` });
    },
  };
}

/** All the bytes of an answer count. */
function expectResponses({ responses }: Outcome, values: readonly (bigint | number)[]): void {
  expect(responses.map((bytes) => [...bytes])).toEqual(values.map((value) => [...responseBytes(value)]));
}

function withByte(index: number, value: number, message = commandBytes()): Uint8Array {
  const bytes = message.slice();
  bytes[index] = value;
  return bytes;
}

describe.each(SERVER_KINDS)('a $server server over a $files', (kind) => {
  it('answers v2 and v3 commands in any mixture, with every unused byte zero', async () => {
    const seen: Seen[] = [];
    const outcome = await exchange(
      kind,
      [{ device: recorder('a', seen, 0x100) }],
      [
        commandBytes({ version: 3, offset: 1, size: 1 }),
        commandBytes({ version: 2, offset: 2, size: 2 }),
        commandBytes({ version: 2, write: true, offset: 4, size: 4, data: 0xaabb_ccddn }),
        commandBytes({ version: 3, write: true, offset: 6, size: 2, data: 0x1122n }),
        commandBytes({ version: 2, offset: 8, size: 4 }),
      ],
    );
    expectResponses(outcome, [1, 0x102, 0, 0, 0x108]);
    expect(seen.map(({ access }) => access)).toEqual([
      'read 1 1',
      'read 2 2',
      'write 4 4 2864434397',
      'write 6 2 4386',
      'read 8 4',
    ]);
    expect(outcome.stats).toMatchObject({ reads: 3, writes: 2, posted: 0, unknownRegion: 0, deviceErrors: 0 });
  });

  it('answers no posted write, in either version', async () => {
    const seen: Seen[] = [];
    const posted = { write: true, posted: true } as const;
    const outcome = await exchange(
      kind,
      [{ device: recorder('a', seen) }],
      [
        commandBytes({ ...posted, version: 2, size: 2, data: 5n }),
        commandBytes({ ...posted, version: 3, size: 2, data: 6n }),
        commandBytes({ ...posted, size: 1, data: 7n }) /* the head that both versions share */,
        commandBytes({ offset: 3, size: 1 }),
      ],
    );
    expectResponses(outcome, [3]);
    expect(seen.map(({ access }) => access)).toEqual(['write 0 2 5', 'write 0 2 6', 'write 0 1 7', 'read 3 1']);
    expect(outcome.stats).toMatchObject({ writes: 3, posted: 3 });
  });

  it('finds the device by all 64 bits of the user data, and adds its base to the offset', async () => {
    const seen: Seen[] = [];
    const a = recorder('a', seen);
    const outcome = await exchange(
      kind,
      [
        { userData: 1, device: a },
        { userData: (1n << 63n) | 1n, device: a, base: 0x800 },
        { userData: 1n << 32n, device: recorder('b', seen) },
      ],
      [1n, (1n << 63n) | 1n, 1n << 32n, 1n].map((userData) => commandBytes({ userData, offset: 4 })),
    );
    expectResponses(outcome, [4, 0x804, 4, 4]);
    expect(seen.map(({ device }) => device)).toEqual(['a', 'a', 'b', 'a']);
  });

  it('reads all ones, and writes nothing, where no region has the user data', async () => {
    const unknown = { userData: 99n };
    const outcome = await exchange(
      kind,
      [{ userData: 1, device: recorder('a', []) }],
      [
        ...[1, 2, 4, 8].map((size) => commandBytes({ ...unknown, size })),
        commandBytes({ ...unknown, write: true, data: 5n }),
        commandBytes({ ...unknown, write: true, posted: true }),
      ],
    );
    expectResponses(outcome, [0xff, 0xffff, 0xffff_ffff, 2n ** 64n - 1n, 0]);
    expect(outcome.stats).toMatchObject({ reads: 4, writes: 2, unknownRegion: 6 });
  });

  it('reads all ones where a handler throws, and goes on', async () => {
    const broken: AsyncRegisterDevice = {
      read: () => {
        throw new Error('no register');
      },
      write: () => {
        throw new TypeError('read-only');
      },
    };
    const outcome = await exchange(
      kind,
      [{ device: broken }],
      [
        commandBytes({ size: 2 }),
        commandBytes({ write: true }),
        commandBytes({ size: 8 }),
        commandBytes({ write: true, size: 8 }),
      ],
    );
    expectResponses(outcome, [0xffff, 0, 2n ** 64n - 1n, 0]);
    expect(outcome.stats.deviceErrors).toBe(4);
    expect(outcome.deviceErrors.map((error) => (error as Error).message)).toEqual([
      'no register',
      'read-only',
      'no register',
      'read-only',
    ]);
  });

  it('cuts what a handler returns to the size of the access', async () => {
    const device = { read: () => -1, write: () => {} };
    const outcome = await exchange(
      kind,
      [{ device }],
      [1, 2, 4].map((size) => commandBytes({ size })),
    );
    expectResponses(outcome, [0xff, 0xffff, 0xffff_ffff]);
  });

  it('goes on where a handler returns what it should not', async () => {
    const values = [undefined, null, 1.75, 'x', 5n, {}, Number.NaN];
    const device = { read: () => values.shift() as number, write: () => 7 as unknown as undefined };
    const outcome = await exchange(
      kind,
      [{ device }],
      [...values.map(() => commandBytes()), commandBytes({ write: true }), commandBytes({ write: true, size: 8 })],
    );
    expectResponses(outcome, [0, 0, 1, 0, 0xffff_ffff, 0, 0, 0, 0]);
    expect(outcome.stats.deviceErrors).toBe(1);
  });

  it('splits 8 bytes in two, low half first, unless the device takes them whole', async () => {
    const seen: Seen[] = [];
    const whole = {
      ...recorder('w', seen),
      read64: () => 0x1122_3344_5566_7788n,
      write64: (offset: number, value: bigint) => void seen.push({ device: 'w', access: `${offset} ${value}` }),
    };
    const eight = { size: 8, offset: 16 } as const;
    const outcome = await exchange(
      kind,
      [
        { userData: 0, device: recorder('h', seen) },
        { userData: 1, device: whole },
      ],
      [
        commandBytes(eight),
        commandBytes({ ...eight, write: true, data: 0x2_0000_0001n }),
        commandBytes({ ...eight, userData: 1n }),
        commandBytes({ ...eight, userData: 1n, write: true, data: 2n ** 64n - 1n }),
      ],
    );
    expectResponses(outcome, [(20n << 32n) | 16n, 0, 0x1122_3344_5566_7788n, 0]);
    expect(seen.map(({ access }) => access)).toEqual([
      'read 16 4',
      'read 20 4',
      'write 16 4 1',
      'write 20 4 2',
      `16 ${2n ** 64n - 1n}`,
    ]);
  });

  it('handles more than a batch of commands of every sort in their order', async () => {
    const seen: Seen[] = [];
    const messages = Array.from({ length: 200 }, (_, index) =>
      commandBytes(index % 3 === 2 ? { offset: index } : { write: true, posted: index % 3 === 1, data: BigInt(index) }),
    );
    const outcome = await exchange(kind, [{ device: recorder('a', seen) }], messages);
    expect(seen.map(({ access }) => access)).toEqual(
      messages.map((_, index) => (index % 3 === 2 ? `read ${index} 4` : `write 0 4 ${index}`)),
    );
    const answered = [...messages.keys()].filter((index) => index % 3 !== 1);
    expectResponses(
      outcome,
      answered.map((index) => (index % 3 === 2 ? index : 0)),
    );
  });

  it.each([
    { rule: 'unknownCommand', message: withByte(0, 2) },
    { rule: 'unknownCommand', message: withByte(0, 0x80) },
    { rule: 'badSize', message: withByte(1, 0x14) },
    { rule: 'readWithoutResponse', message: withByte(1, 0x02) },
    { rule: 'reservedBits', message: withByte(2, 1) },
    { rule: 'reservedBits', message: withByte(7, 0x80) },
    { rule: 'reservedBits', message: withByte(1, 0x32) },
    { rule: 'mixedVersions', message: withByte(0, 0x40) },
    { rule: 'offsetTooLarge', message: withByte(23, 0xff) },
  ] as const)(
    'gives up the connection for a fault, $rule, having answered what came before it',
    async ({ rule, message }) => {
      const seen: Seen[] = [];
      const outcome = await exchange(
        kind,
        [{ device: recorder('a', seen) }],
        [commandBytes({ offset: 4 }), message, commandBytes()],
      );
      expectResponses(outcome, [4]);
      expect(seen).toHaveLength(1);
      expect(outcome.end).toEqual({ reason: 'error', error: expect.any(ProtocolError) });
      expect(outcome.end).toMatchObject({ error: { rule, code: 'ERR_IOREGION_PROTOCOL' } });
      expect(outcome.stats.faults).toEqual({ [rule]: 1 });
    },
  );

  it.runIf(kind.files === 'seqpacket').each([1, 31, 33, 64, 4096])('takes no packet of %i bytes', async (length) => {
    for (const before of [{ offset: 4 }, { write: true, posted: true }]) {
      const outcome = await exchange(
        kind,
        [{ device: recorder('a', []) }],
        [commandBytes(before), new Uint8Array(length)],
      );
      expectResponses(outcome, before.write ? [] : [4]);
      expect(outcome.end).toMatchObject({ reason: 'error', error: { rule: 'messageLength' } });
    }
  });

  it.runIf(kind.files !== 'seqpacket')('finds a message that the end of the file cuts', async () => {
    const half = commandBytes().subarray(0, 20);
    const outcome = await exchange(
      kind,
      [{ device: recorder('a', []) }],
      [commandBytes({ write: true, posted: true }), half],
      { hangUp: true },
    );
    expect(outcome.end).toMatchObject({ reason: 'error', error: { rule: 'messageLength' } });
    expect(outcome.stats.writes).toBe(1);
  });

  it('ends in peace where the VMM hangs up, having carried out what was sent', async () => {
    const seen: Seen[] = [];
    const messages = Array.from({ length: 100 }, (_, index) =>
      commandBytes({ write: true, posted: true, data: BigInt(index) }),
    );
    const outcome = await exchange(kind, [{ device: recorder('a', seen) }], messages, { hangUp: true });
    expect(outcome.end).toEqual({ reason: 'hang-up' });
    expect(seen).toHaveLength(100);
  });

  it('ends in peace where the VMM is gone before the answer', async () => {
    const outcome = await exchange(kind, [{ device: recorder('a', []) }], [commandBytes()], { hangUp: true });
    expect(outcome.end).toEqual({ reason: 'hang-up' });
  });
});
