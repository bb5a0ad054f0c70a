/** `ioregion serve MODULE`: any device. */
import type { Command } from 'commander';
import { addCommonOptions, type CommonOptions, parseJson } from '../common-options.js';

interface ModuleOptions extends CommonOptions {
  readonly options?: unknown;
  readonly watch?: true;
}

export function addModule(serve: Command): void {
  const command = serve
    .command('module <file>', { isDefault: true })
    .description('the device that a module makes, JavaScript or TypeScript; the word "module" can be left out')
    .option('--options <json>', 'passed to the function that the module exports as default', parseJson)
    .option('--watch', 'replace the device under the running guest when its source changes');
  addCommonOptions(command).action(async (file: string, options: ModuleOptions) => {
    const [{ openModule }, { serve: run }] = await Promise.all([
      import('../module/open-module.js'),
      import('../serve.js'),
    ]);
    const served = await openModule(file, options.options, options.watch === true);
    await run(options, () => [served]);
  });
}
