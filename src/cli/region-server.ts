/** `ioregion region-server`: a device process. What it runs is loaded only when it is asked for. */
import { type Command, InvalidArgumentError } from 'commander';
import { parseCpus } from './cpu-list.js';
import type { ServeOptions } from './serve-device.js';

export function registerRegionServer(program: Command): void {
  program
    .command('region-server')
    .description('serve a device to a VMM until it hangs up: a device process')
    .argument('<module>', 'ES module whose default export makes the device of a region')
    .requiredOption('--socket <path>', 'where the VMM listens for device processes')
    .option('--options <json>', 'passed to the module', parseJson)
    .option('--cpu <list>', 'the CPUs to run on, like 3 or 0-1', parseCpus)
    .option('--spin <ns>', 'longest busy wait for the next access; default: none', parseSpin)
    .option('--shared <bytes>', 'memory that the threads of the device share', parseBytes)
    .action(async (module: string, options: Omit<ServeOptions, 'module'>) => {
      const { serveDevice } = await import('./serve-device.js');
      await serveDevice({ ...options, module });
    });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InvalidArgumentError(`It must be JSON: ${(error as SyntaxError).message}.`);
  }
}

function parseSpin(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a number of nanoseconds.');
  return Number(text);
}

function parseBytes(text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new InvalidArgumentError('It must be a number of bytes.');
  return Number(text);
}
