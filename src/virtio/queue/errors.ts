/** Why a queue fails: the rule the driver broke (or the device), and where the specification states it. */
import { IoregionError } from '../../native/index.js';

interface Rule {
  readonly code: string;
  /** Clauses of the specification: split, then packed, where they differ. */
  readonly clause: string;
  readonly text: string;
}

const RULES = {
  size: {
    code: 'ERR_IOREGION_QUEUE_SIZE',
    clause: '2.7, 2.8',
    text: 'the queue size is 1 to 32768, and a power of two in a split ring',
  },
  alignment: {
    code: 'ERR_IOREGION_QUEUE_ALIGNMENT',
    clause: '2.7.1, 2.8.11',
    text: 'each part of a queue begins at a multiple of its alignment',
  },
  area: {
    code: 'ERR_IOREGION_QUEUE_AREA',
    clause: '2.6',
    text: 'each part of a queue lies in one region of guest memory that the device may use as it must',
  },
  overlap: { code: 'ERR_IOREGION_QUEUE_OVERLAP', clause: '2.6', text: 'the parts of a queue do not overlap' },
  position: {
    code: 'ERR_IOREGION_QUEUE_POSITION',
    clause: '2.6.1',
    text: 'a saved position is one that a stopped queue of this size and format can have',
  },
  'avail-index': {
    code: 'ERR_IOREGION_QUEUE_AVAIL_INDEX',
    clause: '2.7.6.1, 2.7.13',
    text: 'the available index never runs back, nor ahead by more than the queue size',
  },
  'head-range': {
    code: 'ERR_IOREGION_QUEUE_HEAD_RANGE',
    clause: '2.7.6',
    text: 'an available entry names a descriptor of the table',
  },
  'head-in-flight': {
    code: 'ERR_IOREGION_QUEUE_HEAD_IN_FLIGHT',
    clause: '2.7.13.1, 2.8.21.1',
    text: 'a head or buffer ID is made available again only after it has been used',
  },
  'next-range': {
    code: 'ERR_IOREGION_QUEUE_NEXT_RANGE',
    clause: '2.7.5',
    text: 'next names a descriptor of the same table',
  },
  'chain-length': {
    code: 'ERR_IOREGION_QUEUE_CHAIN_LENGTH',
    clause: '2.7.5.3.1, 2.8.17',
    text: 'a chain has no more descriptors than the queue, so it has no loop',
  },
  'chain-bytes': {
    code: 'ERR_IOREGION_QUEUE_CHAIN_BYTES',
    clause: '2.7.5.2',
    text: 'a chain is shorter than 2^32 bytes',
  },
  'chain-order': {
    code: 'ERR_IOREGION_QUEUE_CHAIN_ORDER',
    clause: '2.7.4.2, 2.8.17',
    text: 'writable descriptors come after readable ones',
  },
  'chain-incomplete': {
    code: 'ERR_IOREGION_QUEUE_CHAIN_INCOMPLETE',
    clause: '2.8.17',
    text: 'the first descriptor of a list is made available after all others',
  },
  'ring-overrun': {
    code: 'ERR_IOREGION_QUEUE_RING_OVERRUN',
    clause: '2.8.17',
    text: 'no more descriptors are available than the ring has',
  },
  'buffer-address': {
    code: 'ERR_IOREGION_QUEUE_BUFFER_ADDRESS',
    clause: '2.7.5, 2.8.4',
    text: 'a buffer is guest memory from its first to its last byte',
  },
  'buffer-readonly': {
    code: 'ERR_IOREGION_QUEUE_BUFFER_READONLY',
    clause: '2.7.5, 2.8.3',
    text: 'a writable buffer lies in writable memory',
  },
  'indirect-feature': {
    code: 'ERR_IOREGION_QUEUE_INDIRECT_FEATURE',
    clause: '2.7.5.3.1, 2.8.19',
    text: 'indirect tables need VIRTIO_F_INDIRECT_DESC',
  },
  'indirect-next': {
    code: 'ERR_IOREGION_QUEUE_INDIRECT_NEXT',
    clause: '2.7.5.3.1, 2.8.19',
    text: 'a descriptor of an indirect table has no next, and in a packed ring no list around it',
  },
  'indirect-nested': {
    code: 'ERR_IOREGION_QUEUE_INDIRECT_NESTED',
    clause: '2.7.5.3.1',
    text: 'an indirect table refers to no other',
  },
  'indirect-length': {
    code: 'ERR_IOREGION_QUEUE_INDIRECT_LENGTH',
    clause: '2.7.5.3, 2.8.7',
    text: 'an indirect table is one or more whole descriptors',
  },
  'indirect-address': {
    code: 'ERR_IOREGION_QUEUE_INDIRECT_ADDRESS',
    clause: '2.7.5.3, 2.8.7',
    text: 'an indirect table is guest memory from its first to its last byte',
  },
  completion: {
    code: 'ERR_IOREGION_QUEUE_COMPLETION',
    clause: '2.7.8.2',
    text: 'a device reports no more bytes than the chain can take (an error of the device, not of the driver)',
  },
  device: {
    code: 'ERR_IOREGION_QUEUE_DEVICE',
    clause: '2.1.2',
    text: 'a device handles what the driver makes available (an error of the device, or a request beyond its protocol)',
  },
} as const satisfies Record<string, Rule>;

export type QueueRule = keyof typeof RULES;

/** A queue cannot start, or has failed and needs a reset (`ERR_IOREGION_QUEUE_…`, one code per rule). */
export class QueueError extends IoregionError {
  readonly rule: QueueRule;
  /** Where the rule is stated in the virtio specification: `2.7.5.2`; split, then packed, where they differ. */
  readonly clause: string;

  /** `detail` says what was found instead: values as the driver wrote them. */
  constructor(rule: QueueRule, detail: string, cause?: unknown) {
    const { code, clause, text } = RULES[rule];
    super(code, `${detail}: ${text} (virtio ${clause})`, { cause });
    this.rule = rule;
    this.clause = clause;
  }
}
