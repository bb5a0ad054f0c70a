/** The report a VMM gets when the peer of a region fails: what KVM_EXIT_IOREGIONFD_FAILURE never became. */

import type { FailureRecord } from '../../native/index.js';
import { IoregionError } from '../../native/index.js';

/** Why; the index is the number that native/src/channel.h uses. */
export const FAILURE_REASONS = [
  'none',
  'peer-closed',
  'short-response',
  'long-response',
  'unsolicited-response',
  'deadline',
  'io',
  'torn-command',
  'region-removed',
] as const;
export type FailureReason = Exclude<(typeof FAILURE_REASONS)[number], 'none'>;

const EXPLANATIONS: Record<FailureReason, string> = {
  'peer-closed': 'the device closed its end or died',
  'short-response': 'the device answered with fewer than 32 bytes',
  'long-response': 'the device answered with more than 32 bytes',
  'unsolicited-response': 'the device answered a command that it had not read yet (it answered an earlier one twice)',
  deadline: 'the device did not answer in time',
  io: 'reading or writing the fd failed',
  'torn-command': 'a vCPU went away in the middle of a command',
  'region-removed': 'the region was removed while a vCPU waited for it',
};

const CODES: Record<FailureReason, string> = {
  'peer-closed': 'ERR_IOREGION_PEER_CLOSED',
  'short-response': 'ERR_IOREGION_SHORT_RESPONSE',
  'long-response': 'ERR_IOREGION_LONG_RESPONSE',
  'unsolicited-response': 'ERR_IOREGION_UNSOLICITED_RESPONSE',
  deadline: 'ERR_IOREGION_DEADLINE',
  io: 'ERR_IOREGION_IO',
  'torn-command': 'ERR_IOREGION_TORN_COMMAND',
  'region-removed': 'ERR_IOREGION_REGION_REMOVED',
};

/** For people. */
export const explainFailure = (reason: FailureReason): string => EXPLANATIONS[reason];

/** By the number of native/src/region_table.h. */
const POLICIES = ['all-ones', 'stop', 'reconnect'] as const;

/** The access that met the failure. */
export interface FailedAccess {
  readonly space: 'mmio' | 'pio';
  readonly write: boolean;
  /** gpa or port. */
  readonly address: bigint;
  /** Bytes. */
  readonly size: number;
  /** What was to be written; 0 for a read. */
  readonly value: bigint;
  /** The command had gone out whole: a device that restarts may have carried it out. */
  readonly sent: boolean;
}

/** A region's peer failed; `code` says how, `access` when. */
export class RegionFailure extends IoregionError {
  readonly reason: FailureReason;
  readonly regionId: number;
  readonly userData: bigint;
  readonly access: FailedAccess;
  /** The policy of the region. */
  readonly policy: 'all-ones' | 'stop' | 'reconnect';
  /** False where this failure of the channel has been reported before (policies `stop` and `reconnect`). */
  readonly first: boolean;

  constructor(record: FailureRecord) {
    const reason = (FAILURE_REASONS[record.reason] ?? 'io') as FailureReason;
    const { access } = record;
    super(
      CODES[reason],
      `${EXPLANATIONS[reason]}: ${describe(access)}`,
      record.errno === 0 ? {} : { errno: record.errno },
    );
    this.reason = reason;
    this.regionId = record.regionId;
    this.userData = record.userData;
    this.access = access;
    this.policy = POLICIES[record.policy] ?? 'all-ones';
    this.first = record.first;
  }
}

function describe(access: FailedAccess): string {
  const verb = access.write ? 'write' : 'read';
  return `${access.size}-byte ${access.space} ${verb} at 0x${access.address.toString(16)}`;
}
