/** Runs the fuzzers side by side until so many messages have been tried, and watches the memory of the process. */
import { setImmediate } from 'node:timers/promises';
import { residentBytes } from '../../support/process-usage.js';
import { Random } from '../random.js';
import { PeerFuzz } from './peer-fuzz.js';
import { ResponseFuzz } from './response-fuzz.js';
import { ServerFuzz } from './server-fuzz.js';

const MIB = 2 ** 20;
/** What garbage that waits for its collection may take, and then some. */
export const RSS_LIMIT_BYTES = 192 * MIB;
const ROUNDS_BETWEEN_LOOKS = 200;
/** A channel with a hostile thread lives for milliseconds. */
const ROUNDS_PER_PEER_ROUND = 200;
const WARM_UP_ROUNDS = 2_000;

export interface FuzzOptions {
  /** Commands and responses together. */
  readonly messages: number;
  readonly seed: number;
  readonly onProgress?: (messages: number) => void;
}

export interface FuzzReport {
  readonly commands: number;
  readonly conversations: number;
  readonly responses: number;
  readonly serverEnds: Readonly<Record<string, number>>;
  readonly accessEnds: Readonly<Record<string, number>>;
  /** Accesses to a hostile thread. */
  readonly peerAccesses: number;
  readonly peerEnds: Readonly<Record<string, number>>;
  /** Where something differed from the model. */
  readonly wrong: readonly string[];
  readonly seconds: number;
  /** Largest growth of the resident memory after the warm-up, bytes. */
  readonly growth: number;
}

/** Growth of resident memory over what it was when first asked. */
class MemoryWatch {
  growth = 0;
  readonly #start = residentBytes();

  look(): void {
    this.growth = Math.max(this.growth, residentBytes() - this.#start);
  }
}

export async function runFuzz({ messages, seed, onProgress }: FuzzOptions): Promise<FuzzReport> {
  const server = new ServerFuzz(new Random(seed));
  const response = new ResponseFuzz(new Random(seed + 1));
  const peer = new PeerFuzz(seed + 2);
  const started = performance.now();
  let memory: MemoryWatch | null = null;
  for (let round = 0; server.messages + response.accesses < messages; round++) {
    await server.round();
    response.round();
    if (round % ROUNDS_PER_PEER_ROUND === 0) await peer.round();
    if (round === WARM_UP_ROUNDS) memory = new MemoryWatch();
    if (round % ROUNDS_BETWEEN_LOOKS !== 0) continue;
    await setImmediate(); /* finalizers of native objects run in turns of the event loop */
    memory?.look();
    onProgress?.(server.messages + response.accesses);
  }
  await peer.close();
  return {
    commands: server.messages,
    conversations: server.conversations,
    responses: response.accesses,
    serverEnds: Object.fromEntries(server.ends),
    accessEnds: Object.fromEntries(response.ends),
    peerAccesses: peer.accesses,
    peerEnds: Object.fromEntries(peer.ends),
    wrong: [...server.wrong, ...response.wrong, ...peer.wrong],
    seconds: (performance.now() - started) / 1000,
    growth: memory?.growth ?? 0,
  };
}
