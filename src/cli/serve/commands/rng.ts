/** `ioregion serve rng`: random bytes of this host. */
import type { Command } from 'commander';
import { addCommonOptions, type CommonOptions } from '../common-options.js';

export function addRng(serve: Command): void {
  const command = serve.command('rng').description("an entropy source: the host's random bytes");
  addCommonOptions(command).action(async (options: CommonOptions) => {
    const [{ EntropyDevice }, { serve: run }] = await Promise.all([
      import('../../../virtio/devices/rng/index.js'),
      import('../serve.js'),
    ]);
    await run(options, () => [{ name: 'entropy source', device: new EntropyDevice() }]);
  });
}
