/**
 * What can be wrong with a message. On the hot path a fault is a number that a server counts; it becomes a
 * {@link ProtocolError} only when somebody reports it.
 */
import { IoregionError } from '../../native/errors.js';

/** Fault numbers; `none` is 0. */
export const WireFault = {
  none: 0,
  mixedVersions: 1,
  reservedBits: 2,
  unknownCommand: 3,
  badSize: 4,
  readWithoutResponse: 5,
  offsetTooLarge: 6,
  messageLength: 7,
} as const;
export type WireFault = (typeof WireFault)[keyof typeof WireFault];

/** The rule a fault breaks, as it appears in errors, logs and counters. */
export type ProtocolRule = Exclude<keyof typeof WireFault, 'none'>;

const RULES = Object.keys(WireFault) as (keyof typeof WireFault)[];

const EXPLANATIONS: Record<ProtocolRule, string> = {
  mixedVersions: 'the first word has bits of protocol v2 and bits of v3',
  reservedBits: 'a bit or byte that every revision keeps zero is set',
  unknownCommand: 'the command is neither READ (0) nor WRITE (1)',
  badSize: 'the size code is not 0, 1, 2 or 3',
  readWithoutResponse: 'a READ does not ask for its response',
  offsetTooLarge: 'the offset is 2^53 or more',
  messageLength: 'the message is not 32 bytes long',
};

/** ERR_IOREGION_PROTOCOL: the peer of a region fd sent what the protocol does not allow. */
export class ProtocolError extends IoregionError {
  readonly rule: ProtocolRule;

  constructor(rule: ProtocolRule) {
    super('ERR_IOREGION_PROTOCOL', `ioregionfd protocol: ${EXPLANATIONS[rule]}; check what the peer of this fd speaks`);
    this.rule = rule;
  }

  /** The error for a fault that the decoder returned (never `WireFault.none`). */
  static of(fault: WireFault): ProtocolError {
    const rule = ruleOf(fault);
    if (rule === null) throw new TypeError('WireFault.none is not a fault');
    return new ProtocolError(rule);
  }
}

/** The rule that `fault` breaks; null for `WireFault.none`. */
export function ruleOf(fault: WireFault): ProtocolRule | null {
  const rule = RULES[fault];
  return rule === undefined || rule === 'none' ? null : rule;
}

/** Counts faults by rule, without allocating. */
export class FaultCounters {
  readonly #counts = new Float64Array(RULES.length);

  count(fault: WireFault): void {
    this.#counts[fault]! += 1;
  }

  of(rule: ProtocolRule): number {
    return this.#counts[WireFault[rule]]!;
  }

  get total(): number {
    return this.#counts.subarray(1).reduce((sum, count) => sum + count, 0);
  }

  /** The rules broken so far, with their counts. */
  snapshot(): Partial<Record<ProtocolRule, number>> {
    const broken = (Object.keys(EXPLANATIONS) as ProtocolRule[]).filter((rule) => this.of(rule) > 0);
    return Object.fromEntries(broken.map((rule) => [rule, this.of(rule)]));
  }
}
