/** `ioregion serve net`: a network card, on a TAP device or on a cable to a second one. */
import type { Command } from 'commander';
import type { NetworkDeviceOptions } from '../../../virtio/devices/net/index.js';
import { addCommonOptions, type CommonOptions, parseInteger } from '../common-options.js';
import { ServeOptionError } from '../errors.js';
import type { ServedDevice } from '../serve.js';

interface NetOptions extends CommonOptions {
  readonly tap?: string;
  readonly peer?: string;
  readonly mac?: string;
  readonly mtu?: number;
  readonly queues: number;
  readonly queueSize: number;
}

export function addNet(serve: Command): void {
  const command = serve
    .command('net')
    .description('a network card')
    .option('--tap <name>', 'the network is this TAP device; it is made where there is none')
    .option('--peer <path>', 'the network is a cable to a second card, served at this socket')
    .option('--mac <address>', 'default: a random one', String)
    .option('--mtu <bytes>', 'longest packet the guest should send', parseInteger(68, 65535))
    .option('--queues <n>', 'pairs of queues, 1 to 128', parseInteger(1, 128), 1)
    .option('--queue-size <n>', 'most packets of a queue: a power of two', parseInteger(4, 1024), 256);
  addCommonOptions(command).action(async (options: NetOptions) => {
    const [net, { serve: run }] = await Promise.all([
      import('../../../virtio/devices/net/index.js'),
      import('../serve.js'),
    ]);
    await run(options, () => devices(net, options));
  });
}

type NetModule = typeof import('../../../virtio/devices/net/index.js');

function devices(net: NetModule, { tap, peer, queues: queuePairs, ...options }: NetOptions): ServedDevice[] {
  if ((tap === undefined) === (peer === undefined)) throw new ServeOptionError('name one network: --tap or --peer');
  const { mac, mtu, queueSize } = options;
  const common: Omit<NetworkDeviceOptions, 'backend' | 'mac'> = mtu === undefined ? { queueSize } : { queueSize, mtu };
  const own = mac === undefined ? common : { ...common, mac };
  if (tap !== undefined) {
    return [{ name: `network card on ${tap}`, device: net.NetworkDevice.open({ ...own, tap, queuePairs }) }];
  }
  const [near, far] = net.PairBackend.connected({ queuePairs });
  return [
    { name: 'network card', device: new net.NetworkDevice({ ...own, backend: near }) },
    {
      name: 'network card at the other end',
      device: new net.NetworkDevice({ ...common, backend: far }),
      endpoint: { path: peer! },
    },
  ];
}
