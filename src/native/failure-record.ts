/** Reads `struct caller_area` (native/src/caller.h): what a caller shares with JavaScript. */

/** Word indexes of the request and result half. */
export const AreaWord = {
  valueLow: 0,
  valueHigh: 1,
  addressLow: 2,
  addressHigh: 3,
  size: 4,
  flags: 5,
  outcome: 6,
} as const;

/** The failure half, as plain data that a message can carry. */
export interface FailureRecord {
  /** enum failure in native/src/channel.h. */
  readonly reason: number;
  /** 0: none. */
  readonly errno: number;
  readonly regionId: number;
  readonly userData: bigint;
  /** The first report of this failure of the channel. */
  readonly first: boolean;
  /** 0 all ones, 1 stop, 2 retry. */
  readonly policy: number;
  readonly access: {
    readonly space: 'mmio' | 'pio';
    readonly write: boolean;
    readonly address: bigint;
    readonly size: number;
    readonly value: bigint;
    readonly sent: boolean;
  };
}

const FailureWord = {
  reason: 8,
  errno: 9,
  regionId: 10,
  first: 11,
  address: 12,
  size: 14,
  flags: 15,
  value: 16,
  userData: 18,
  policy: 20,
  sent: 21,
};

function wide(words: Uint32Array, at: number): bigint {
  return (BigInt(words[at + 1]!) << 32n) | BigInt(words[at]!);
}

/** The record of the failure that the last access ended with. */
export function readFailureRecord(words: Uint32Array): FailureRecord {
  const flags = words[FailureWord.flags]!;
  const write = (flags & 1) !== 0;
  return {
    reason: words[FailureWord.reason]!,
    errno: words[FailureWord.errno]!,
    regionId: words[FailureWord.regionId]!,
    userData: wide(words, FailureWord.userData),
    first: words[FailureWord.first] !== 0,
    policy: words[FailureWord.policy]!,
    access: {
      space: (flags & 2) !== 0 ? 'pio' : 'mmio',
      write,
      address: wide(words, FailureWord.address),
      size: words[FailureWord.size]!,
      value: write ? wide(words, FailureWord.value) : 0n,
      sent: words[FailureWord.sent] !== 0,
    },
  };
}
