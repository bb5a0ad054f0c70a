/** How a device process can misbehave, and what the VMM must hear about it. */
import type { FailureReason } from 'ioregion/ioregion';
import type { SocketType } from 'ioregion/native';
import type { Step } from './scripted-device.js';

export interface Misbehaviour {
  readonly name: string;
  readonly sockets: readonly SocketType[];
  /** What the device process does, after `ready` unless that is among it; `scripted-device.ts` explains the steps. */
  readonly steps: readonly Step[];
  /** Index of the access on its region that fails: 0 is the first. */
  readonly failsAt: number;
  readonly reason: FailureReason;
  /** Whether the failed command had gone out whole; absent where that is a matter of time. */
  readonly sent?: boolean;
}

const BOTH: readonly SocketType[] = ['seqpacket', 'stream'];
const PACKETS: readonly SocketType[] = ['seqpacket'];
const STREAM: readonly SocketType[] = ['stream'];

const died = { failsAt: 1, reason: 'peer-closed' } as const;
const stuck = { failsAt: 1, reason: 'deadline' } as const;

export const MISBEHAVIOURS: readonly Misbehaviour[] = [
  { name: 'killed between two commands', sockets: BOTH, steps: ['answer', 'kill'], ...died },
  { name: 'killed before it reads', sockets: BOTH, steps: ['answer', 'await', 'kill'], ...died, sent: true },
  { name: 'killed before it responds', sockets: BOTH, steps: ['answer', 'read', 'kill'], ...died, sent: true },
  {
    name: 'killed in the middle of its response',
    sockets: STREAM,
    steps: ['answer', 'read', 'send:16', 'kill'],
    failsAt: 1,
    reason: 'short-response',
    sent: true,
  },
  { name: 'hangs up and lives on', sockets: BOTH, steps: ['answer', 'read', 'close'], ...died, sent: true },
  { name: 'stopped before it reads', sockets: BOTH, steps: ['answer', 'await', 'stop'], ...stuck, sent: true },
  { name: 'stopped before it responds', sockets: BOTH, steps: ['answer', 'read', 'stop'], ...stuck, sent: true },
  {
    name: 'stopped in the middle of its response',
    sockets: STREAM,
    steps: ['answer', 'read', 'send:16', 'stop'],
    ...stuck,
    sent: true,
  },
  {
    name: 'responds short',
    sockets: PACKETS,
    steps: ['answer', 'read', 'send:31', 'serve'],
    failsAt: 1,
    reason: 'short-response',
    sent: true,
  },
  {
    name: 'responds long',
    sockets: PACKETS,
    steps: ['answer', 'read', 'send:33', 'serve'],
    failsAt: 1,
    reason: 'long-response',
    sent: true,
  },
  {
    name: 'responds long, where that shows only as a surplus',
    sockets: STREAM,
    steps: ['answer', 'read', 'send:48', 'serve'],
    failsAt: 2,
    reason: 'unsolicited-response',
  },
  {
    name: 'responds twice',
    sockets: BOTH,
    steps: ['answer', 'read', 'send:32', 'send:32', 'idle'],
    failsAt: 2,
    reason: 'unsolicited-response',
  },
  {
    name: 'responds before it reads',
    sockets: BOTH,
    steps: ['answer', 'await', 'send:32', 'idle'],
    failsAt: 1,
    reason: 'unsolicited-response',
    sent: true,
  },
  {
    name: 'responds without a command',
    sockets: BOTH,
    steps: ['send:32', 'ready', 'serve'],
    failsAt: 0,
    reason: 'unsolicited-response',
  },
];
