import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { prepareFile, writeText } from '#dist/src/cli/bench-files.js';
import { temporaryDirectory } from '../../support/temporary.js';

const directory = temporaryDirectory();

describe('the files of a benchmark', () => {
  it('are written into folders that did not exist', async () => {
    const file = join(directory, 'a/b/report.html');
    await prepareFile(file);
    expect(existsSync(file)).toBe(false);
    await writeText(file, 'text');
    expect(readFileSync(file, 'utf8')).toBe('text');
  });

  it('keep their old contents until there is a new result', async () => {
    const file = join(directory, 'kept.json');
    writeFileSync(file, 'a long old result');
    await prepareFile(file);
    expect(readFileSync(file, 'utf8')).toBe('a long old result');
    await writeText(file, 'new');
    expect(readFileSync(file, 'utf8')).toBe('new');
  });

  it('are refused before the measurement where they cannot be written', async () => {
    const refusal = {
      code: 'ERR_IOREGION_BENCH_OUTPUT',
      message: expect.stringContaining(`cannot write ${directory}`),
    };
    await expect(prepareFile(directory)).rejects.toMatchObject(refusal);
  });
});
