/** The codec against the C compiler: the v3 command as a structure with bit fields, the v2 command with its info word. */
import fc from 'fast-check';
import {
  AccessValue,
  type CommandFields,
  CommandKind,
  decodeResponse,
  encodeCommand,
  encodeResponse,
  MESSAGE_SIZE,
  messageWords,
  type WireVersion,
} from 'ioregion/ioregion';
import { expect, test } from 'vitest';
import { runC } from '../../support/c-program.js';
import { describeWhere, program } from '../../support/require.js';

/** A C program that prints the 32 bytes of each sample: version (0: a response), command, exponent, resp, u64 fields. */
const sourceFor = (samples: string[]) => `
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct command_v3 {
  uint8_t cmd;
  uint8_t size_exponent : 4;
  uint8_t resp : 1;
  uint8_t unused : 3;
  uint8_t padding[6];
  uint64_t user_data;
  uint64_t offset;
  uint8_t data[8];
};
struct command_v2 {
  uint32_t info;
  uint32_t padding;
  uint64_t user_data;
  uint64_t offset;
  uint8_t data[8];
};
struct response {
  uint8_t data[8];
  uint8_t pad[24];
};
_Static_assert(sizeof(struct command_v3) == 32, "v3 command");
_Static_assert(sizeof(struct command_v2) == 32, "v2 command");
_Static_assert(sizeof(struct response) == 32, "response");
_Static_assert(offsetof(struct command_v3, data) == 24, "v3 data");

static const struct sample {
  unsigned version, cmd, exponent, resp;
  uint64_t user, offset, data;
} samples[] = {${samples.join(',')}};

static void print_bytes(const void *message) {
  for (size_t at = 0; at < 32; at++) printf("%02x", ((const uint8_t *)message)[at]);
}

int main(void) {
  for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
    struct sample s = samples[i];
    size_t size = (size_t)1 << s.exponent;
    struct command_v3 v3 = {.cmd = s.cmd, .size_exponent = s.exponent, .resp = s.resp, .user_data = s.user, .offset = s.offset};
    struct command_v2 v2 = {s.cmd | s.exponent << 4 | s.resp << 6, 0, s.user, s.offset, {0}};
    struct response response = {{0}, {0}};
    memcpy(v3.data, &s.data, size);
    memcpy(v2.data, &s.data, size);
    memcpy(response.data, &s.data, size);
    print_bytes(s.version == 3 ? (void *)&v3 : s.version == 2 ? (void *)&v2 : (void *)&response);
  }
  return 0;
}
`;

const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const sample = fc.record({
  version: fc.constantFrom<WireVersion>(2, 3),
  kind: fc.constantFrom(CommandKind.read, CommandKind.write),
  exponent: fc.nat(3),
  responseWanted: fc.boolean(),
  userData: u64,
  offset: fc.maxSafeNat(),
  data: u64,
});
const sampleRow = (version: number, kind: number, exponent: number, resp: number, ...fields: (number | bigint)[]) =>
  `{${[version, kind, exponent, resp].join()},${fields.map((field) => `${field}ull`).join()}}`;
const halves = (value: bigint) => [Number(value % 2n ** 32n), Number(value / 2n ** 32n)] as const;

describeWhere([program('cc')], 'the bytes a C compiler lays out', () => {
  test('are those of an encoded command, in both revisions', () => {
    const samples = fc
      .sample(sample, 2000)
      .map((one) => ({ ...one, responseWanted: one.responseWanted || one.kind === CommandKind.read }));
    const rows = samples.map((one) =>
      sampleRow(one.version, one.kind, one.exponent, Number(one.responseWanted), one.userData, one.offset, one.data),
    );
    const words = messageWords(new ArrayBuffer(samples.length * MESSAGE_SIZE), 0, samples.length);
    for (const [index, one] of samples.entries()) {
      const [userDataLow, userDataHigh] = halves(one.userData);
      const [dataLow, dataHigh] = halves(one.data);
      const { kind, responseWanted, offset } = one;
      const size = 2 ** one.exponent;
      const command: CommandFields = {
        kind,
        size,
        responseWanted,
        userDataLow,
        userDataHigh,
        offset,
        dataLow,
        dataHigh,
      };
      encodeCommand(words, index, command, one.version);
    }
    expect(Buffer.from(words.buffer).toString('hex')).toBe(runC(sourceFor(rows)));
  });

  test('are those of an encoded response', () => {
    const samples = fc.sample(fc.tuple(fc.nat(3), u64), 1000);
    const rows = samples.map(([exponent, data]) => sampleRow(0, 0, exponent, 0, 0n, 0, data));
    const compiled = Buffer.from(runC(sourceFor(rows)), 'hex');
    const theirs = messageWords(new Uint8Array(compiled).buffer, 0, samples.length);
    const ours = new Uint32Array(8);
    const value = new AccessValue();
    for (const [index, [exponent, data]] of samples.entries()) {
      decodeResponse(theirs, index, 2 ** exponent, value);
      expect(value.bigint).toBe(BigInt.asUintN(8 * 2 ** exponent, data));
      encodeResponse(ours, 0, value.low, value.high);
      expect([...ours]).toEqual([...theirs.subarray(8 * index, 8 * index + 8)]);
    }
  });
});
