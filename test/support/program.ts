/** The `ioregion` program, as a user starts it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../../', import.meta.url);
const { bin } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as { bin: { ioregion: string } };

export const CLI_PROGRAM = fileURLToPath(new URL(bin.ioregion, ROOT));
