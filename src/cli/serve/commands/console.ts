/** `ioregion serve console`: a terminal, or channels between programs. */
import type { Command } from 'commander';
import type { ConsoleDeviceOptions, ConsolePortOptions } from '../../../virtio/devices/console/index.js';
import { addCommonOptions, type CommonOptions } from '../common-options.js';
import { ServeOptionError } from '../errors.js';
import { log } from '../log.js';

interface ConsoleOptions extends CommonOptions {
  readonly port?: readonly string[];
}

type ConsoleModule = typeof import('../../../virtio/devices/console/index.js');

export function addConsole(serve: Command): void {
  const command = serve
    .command('console')
    .description('a console')
    .option(
      '--port <where>',
      'stdio, pty, or unix:PATH to listen at; NAME=WHERE for a port that programs find by name; may be repeated. ' +
        'Default: stdio',
      (text: string, ports: readonly string[] = []) => [...ports, text],
    );
  addCommonOptions(command).action(async (options: ConsoleOptions) => {
    const [console, { serve: run }] = await Promise.all([
      import('../../../virtio/devices/console/index.js'),
      import('../serve.js'),
    ]);
    await run(options, () => {
      const device = new console.ConsoleDevice(deviceOptions(console, options.port ?? ['stdio']));
      return [{ name: 'console', device }];
    });
  });
}

function deviceOptions(console: ConsoleModule, texts: readonly string[]): ConsoleDeviceOptions {
  if (texts.filter((text) => placeOf(text) === 'stdio').length > 1)
    throw new ServeOptionError('only one port can be on stdio');
  return { ports: texts.map((text) => port(console, text)) };
}

function placeOf(text: string): string {
  return text.slice(text.indexOf('=') + 1);
}

function port(console: ConsoleModule, text: string): ConsolePortOptions {
  const name = text.slice(0, Math.max(text.indexOf('='), 0));
  const backend = backendAt(console, placeOf(text));
  return name === '' ? { backend } : { backend, name };
}

function backendAt(console: ConsoleModule, place: string): ConsolePortOptions['backend'] {
  if (place === 'stdio') return new console.StdioBackend();
  if (place === 'pty') return announced(new console.PtyBackend());
  if (place.startsWith('unix:')) return announced(new console.SocketBackend({ path: place.slice('unix:'.length) }));
  throw new ServeOptionError(`a port is at stdio, pty or unix:PATH, not at ${place}`);
}

function announced<Backend extends { readonly path: string }>(backend: Backend): Backend {
  log(`the console is at ${backend.path}`);
  return backend;
}
