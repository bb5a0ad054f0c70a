/** What a server must make of a conversation: everything up to the first fault, in order, and then the right end. */
import { CommandKind, CommandView, MESSAGE_SIZE, ruleOf, WireFault } from 'ioregion/ioregion';
import type { SocketType } from 'ioregion/native';
import type { Conversation } from './conversation.js';

export interface Expectation {
  reads: number;
  writes: number;
  responses: number;
  /** `hang-up`, or the rule that a message breaks. */
  end: string;
}

const message = new ArrayBuffer(MESSAGE_SIZE);
const bytes = new Uint8Array(message);
const view = new CommandView(message, 0, 1);

/** Null for a message that does not end the conversation. */
function take(expectation: Expectation): string | null {
  const fault = view.decode(0);
  if (fault !== WireFault.none) return ruleOf(fault);
  if (view.kind === CommandKind.read) expectation.reads += 1;
  else expectation.writes += 1;
  if (view.responseWanted) expectation.responses += 1;
  return null;
}

/** An empty packet reads like the end of the file. */
function ofPackets({ bytes: all, lengths }: Conversation, expectation: Expectation): string {
  let at = 0;
  for (const length of lengths) {
    if (length === 0) return 'hang-up';
    if (length !== MESSAGE_SIZE) return 'messageLength';
    bytes.set(all.subarray(at, at + MESSAGE_SIZE));
    const end = take(expectation);
    if (end !== null) return end;
    at += length;
  }
  return 'hang-up';
}

function ofStream(conversation: Conversation, expectation: Expectation): string {
  const total = conversation.totalBytes;
  for (let at = 0; at + MESSAGE_SIZE <= total; at += MESSAGE_SIZE) {
    bytes.set(conversation.bytes.subarray(at, at + MESSAGE_SIZE));
    const end = take(expectation);
    if (end !== null) return end;
  }
  return total % MESSAGE_SIZE === 0 ? 'hang-up' : 'messageLength';
}

export function expectationOf(conversation: Conversation, socketType: SocketType): Expectation {
  const expectation = { reads: 0, writes: 0, responses: 0, end: '' };
  expectation.end =
    socketType === 'stream' ? ofStream(conversation, expectation) : ofPackets(conversation, expectation);
  return expectation;
}
