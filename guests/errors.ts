/** What can go wrong before a guest runs. */
import { IoregionError } from '../src/native/errors.js';

/** ERR_IOREGION_GUEST_BUILD: the compiler is missing or refused a source. */
export class GuestBuildError extends IoregionError {
  constructor(compiler: string, sources: readonly string[], cause: unknown) {
    super('ERR_IOREGION_GUEST_BUILD', buildMessage(compiler, sources, cause), { cause });
  }
}

/** ERR_IOREGION_GUEST_MODE: the guest does not exist for that processor mode. */
export class GuestModeError extends IoregionError {
  constructor(name: string, mode: string, modes: readonly string[]) {
    super('ERR_IOREGION_GUEST_MODE', `the ${name} guest has no ${mode} mode: use ${modes.join(', ')}`);
  }
}

function buildMessage(compiler: string, sources: readonly string[], cause: unknown): string {
  const { code, stderr } = cause as { code?: unknown; stderr?: string };
  if (code === 'ENOENT') return `${compiler} is needed to build the guests and is not installed`;
  return `${compiler} could not build ${sources.join(' ')}:\n${stderr || String(cause)}`;
}
