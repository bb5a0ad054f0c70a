/** Configuration space of the device behind a backend: GET_CONFIG and SET_CONFIG. */
import { VhostUserProtocolError } from '../errors.js';
import { decodeConfig, encodeConfig } from '../message/index.js';
import { ConfigFlag, FrontendRequest } from '../spec/index.js';
import { BackendRefusedError } from './errors.js';
import type { RequestChannel } from './request-channel.js';

/** The first `size` bytes (1 to MAX_CONFIG_BYTES). @throws BackendRefusedError where the backend has fewer */
export async function readConfig(channel: RequestChannel, size: number): Promise<Uint8Array> {
  const question = encodeConfig({ offset: 0, flags: ConfigFlag.driver, bytes: new Uint8Array(size) });
  const { payload } = await channel.ask(FrontendRequest.getConfig, question);
  if (payload.length === 0) throw new BackendRefusedError(FrontendRequest.getConfig, `it has not ${size} bytes`);
  return channel.decode(() => {
    const { offset, bytes } = decodeConfig(payload);
    if (offset !== 0 || bytes.length !== size)
      throw new VhostUserProtocolError(
        `${bytes.length} byte(s) of configuration from ${offset}, asked for ${size} from 0`,
      );
    return bytes;
  });
}

/** A driver's write. @throws BackendRefusedError */
export function writeConfig(channel: RequestChannel, offset: number, bytes: Uint8Array): Promise<void> {
  return channel.tell(FrontendRequest.setConfig, encodeConfig({ offset, flags: ConfigFlag.driver, bytes }));
}

/**
 * The longest of these sizes that the backend has: how much configuration there is depends on its age.
 * @throws BackendRefusedError where it has not even the shortest
 */
export async function readLongestConfig(channel: RequestChannel, sizes: readonly number[]): Promise<Uint8Array> {
  for (const size of sizes.slice(0, -1)) {
    try {
      return await readConfig(channel, size);
    } catch (error) {
      if (!(error instanceof BackendRefusedError)) throw error;
    }
  }
  return readConfig(channel, sizes.at(-1)!);
}
