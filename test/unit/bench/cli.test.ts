import { Command, CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { registerBench } from '#dist/src/cli/bench.js';

/** Parses a command line that must be refused; returns what is printed. */
async function refusalOf(...words: string[]): Promise<string> {
  let printed = '';
  const program = new Command('ioregion').exitOverride().configureOutput({ writeErr: (text) => (printed += text) });
  registerBench(program);
  const mmio = program.commands[0]!.commands[0]!;
  for (const command of [program.commands[0]!, mmio]) command.copyInheritedSettings(program);
  const refusal = await program.parseAsync(['node', 'ioregion', 'bench', 'mmio', ...words]).catch((error) => error);
  expect(refusal).toBeInstanceOf(CommanderError);
  expect((refusal as CommanderError).exitCode).toBe(1);
  return printed;
}

describe('the command line of bench mmio', () => {
  it.each([['0'], ['-1'], ['abc'], [''], ['3601'], ['NaN']])('refuses --seconds %o in one line', async (seconds) => {
    const printed = await refusalOf(`--seconds=${seconds}`);
    expect(printed).toMatch(/^error: option '--seconds <n>' argument '.*' is invalid\. It must be a number.*\n$/);
  });

  it('refuses an unknown path and names those there are', async () => {
    const printed = await refusalOf('--rows', 'ioeventfd,ioregionfd');
    expect(printed).toMatch(/^error: .*There is no path "ioregionfd"; there are exit-inline, .*\n$/);
  });

  it('refuses an unknown placement and names those there are', async () => {
    expect(await refusalOf('--placement', 'both')).toMatch(/^error: .*Allowed choices are auto, same, split\.\n$/);
  });

  it('refuses what it does not know', async () => {
    expect(await refusalOf('--fast')).toBe("error: unknown option '--fast'\n");
    expect(await refusalOf('surplus')).toMatch(/^error: too many arguments/);
  });

  it('refuses a missing file name', async () => {
    expect(await refusalOf('--json')).toBe("error: option '--json <file>' argument missing\n");
  });
});
