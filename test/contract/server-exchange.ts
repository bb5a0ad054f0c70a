/** Puts messages in front of a region server, and returns what it answered and how it ended. */
import {
  type AsyncRegisterDevice,
  BlockingServer,
  type CommandFields,
  EventLoopServer,
  encodeCommand,
  MESSAGE_SIZE,
  messageWords,
  type ServedRegion,
  type ServerEnd,
  type ServerStats,
  type WireVersion,
} from 'ioregion/ioregion';
import { soon } from './bounded.js';
import { Channel, type FdKind } from './channel.js';

export interface Command {
  readonly write?: boolean;
  readonly size?: number;
  readonly posted?: boolean;
  readonly userData?: bigint;
  readonly offset?: number;
  readonly data?: bigint;
  readonly version?: WireVersion;
}

/** The 32 bytes of a command: by default a v3 read of 4 bytes at offset 0. */
export function commandBytes({ version = 3, ...command }: Command = {}): Uint8Array {
  const words = messageWords(new ArrayBuffer(MESSAGE_SIZE), 0, 1);
  encodeCommand(words, 0, fieldsOf(command), version);
  return new Uint8Array(words.buffer);
}

function fieldsOf(command: Omit<Command, 'version'>): CommandFields {
  const { write = false, size = 4, posted = false, userData = 0n, offset = 0, data = 0n } = command;
  return {
    kind: write ? 1 : 0,
    size,
    responseWanted: !posted,
    userDataLow: Number(userData & 0xffff_ffffn),
    userDataHigh: Number(userData >> 32n),
    offset,
    dataLow: Number(data & 0xffff_ffffn),
    dataHigh: Number(data >> 32n),
  };
}

/** No command: a server that meets it answers what came before, and ends. */
export const TERMINATOR = Uint8Array.of(2, ...new Uint8Array(MESSAGE_SIZE - 1));

export interface Outcome {
  /** The answers: 32 bytes each. */
  readonly responses: readonly Uint8Array[];
  readonly end: ServerEnd;
  readonly stats: ServerStats;
  readonly deviceErrors: readonly unknown[];
}

type Regions = readonly ServedRegion<AsyncRegisterDevice>[];

/** One kind of server over one kind of file. */
export interface ServerKind {
  readonly server: 'blocking' | 'event-loop';
  readonly files: FdKind;
}

export const SERVER_KINDS: readonly ServerKind[] = (['blocking', 'event-loop'] as const).flatMap((server) =>
  (['seqpacket', 'stream', 'pipe'] as const).map((files) => ({ server, files })),
);

/** Sends the messages and then what ends the server, unless one of them does. `hangUp` closes the VMM's end instead. */
export async function exchange(
  { server, files }: ServerKind,
  regions: Regions,
  messages: readonly Uint8Array[],
  { hangUp = false }: { hangUp?: boolean } = {},
): Promise<Outcome> {
  using channel = new Channel(files);
  const deviceErrors: unknown[] = [];
  const options = { ...channel.far, onDeviceError: (error: unknown) => deviceErrors.push(error) };
  for (const message of hangUp ? messages : [...messages, TERMINATOR]) channel.near.writeFd.write(message);
  if (hangUp) channel.closeNear();
  const { end, stats } = await (server === 'blocking' ? serveHere(options, regions) : serveOnLoop(options, regions));
  return { responses: hangUp ? [] : responsesOf(channel), end, stats, deviceErrors };
}

interface ServerOptions extends Pick<Channel['far'], 'readFd' | 'writeFd'> {
  readonly onDeviceError: (error: unknown) => void;
}

async function serveHere(options: ServerOptions, regions: Regions): Promise<Pick<Outcome, 'end' | 'stats'>> {
  const server = new BlockingServer({
    ...options,
    regions: regions as ConstructorParameters<typeof BlockingServer>[0]['regions'],
  });
  return { end: server.serve(), stats: server.stats };
}

async function serveOnLoop(options: ServerOptions, regions: Regions): Promise<Pick<Outcome, 'end' | 'stats'>> {
  const server = new EventLoopServer({ ...options, regions });
  return { end: await soon(server.ended, 'the end of a server'), stats: server.stats };
}

/** All that waits to be read. */
function responsesOf({ kind, near }: Channel): Uint8Array[] {
  const responses: Uint8Array[] = [];
  while (near.readFd.pendingBytes() > 0) {
    const bytes = new Uint8Array(kind === 'seqpacket' ? 2 * MESSAGE_SIZE : MESSAGE_SIZE);
    const count = near.readFd.read(bytes) ?? 0;
    responses.push(bytes.subarray(0, count));
  }
  return responses;
}
