/** The common configuration window of one device: the handlers behind the table. */
import { type Handlers, RegisterBlock, type RegisterBlockDevice } from '../../ioregion/device.js';
import { MSI_NO_VECTOR } from '../spec/index.js';
import type { QueueArea, QueueRegisters, TransportCore } from '../transport/index.js';
import { commonTable } from './common-table.js';
import { notifConfigData } from './notify-window.js';

type CommonHandlers = Required<Handlers<typeof commonTable>>;

/** Registers of queues are those of the queue that QUEUE_SELECT names. */
export function createCommonWindow(core: TransportCore): RegisterBlockDevice<typeof commonTable> {
  const selected = (): QueueRegisters | undefined => {
    const queue = core.queues.get(device.register('QUEUE_SELECT').value);
    if (queue !== undefined) core.queues.settle(queue);
    return queue;
  };
  const featureWindow = (register: 'DEVICE_FEATURE_SELECT' | 'DRIVER_FEATURE_SELECT') =>
    device.register(register).value;
  const device: RegisterBlockDevice<typeof commonTable> = new RegisterBlock(commonTable).create({
    onRead: { ...deviceReads(core, featureWindow), ...queueReads(core, selected) },
    onWrite: { ...deviceWrites(core, featureWindow), ...queueWrites(core, selected) },
  });
  return device;
}

type Selected = () => QueueRegisters | undefined;
type FeatureWindow = (register: 'DEVICE_FEATURE_SELECT' | 'DRIVER_FEATURE_SELECT') => number;

function deviceReads(core: TransportCore, windowOf: FeatureWindow) {
  return {
    DEVICE_FEATURE: () => core.features.offeredWindow(windowOf('DEVICE_FEATURE_SELECT')),
    DRIVER_FEATURE: () => core.features.driverWindow(windowOf('DRIVER_FEATURE_SELECT')),
    CONFIG_MSIX_VECTOR: () => core.interrupts.configVector,
    NUM_QUEUES: () => core.queues.all.length,
    DEVICE_STATUS: () => core.status,
    CONFIG_GENERATION: () => core.config.generation,
  } satisfies Partial<CommonHandlers['onRead']>;
}

function queueReads(core: TransportCore, selected: Selected) {
  const word = (area: QueueArea) => (_stored: number, index: number) => {
    const register = selected()?.[area];
    return (index === 0 ? register?.low : register?.high) ?? 0;
  };
  const vectorOf = (queue: QueueRegisters | undefined) =>
    queue === undefined ? MSI_NO_VECTOR : core.interrupts.queueVector(queue.index);
  return {
    QUEUE_SIZE: () => selected()?.size ?? 0,
    QUEUE_MSIX_VECTOR: () => vectorOf(selected()),
    QUEUE_ENABLE: () => (selected()?.enabled ? 1 : 0),
    QUEUE_NOTIFY_OFF: () => selected()?.index ?? 0,
    QUEUE_DESC: word('descriptors'),
    QUEUE_DRIVER: word('driverArea'),
    QUEUE_DEVICE: word('deviceArea'),
    QUEUE_NOTIF_CONFIG_DATA: () => notifConfigData(selected()?.index ?? 0),
    QUEUE_RESET: () => (selected()?.resetting ? 1 : 0),
  } satisfies Partial<CommonHandlers['onRead']>;
}

function deviceWrites(core: TransportCore, windowOf: FeatureWindow) {
  return {
    DRIVER_FEATURE: (bits) => core.writeFeatures(windowOf('DRIVER_FEATURE_SELECT'), bits, 'modern'),
    CONFIG_MSIX_VECTOR: (vector) => {
      core.interrupts.configVector = vector;
    },
    DEVICE_STATUS: (status) => core.writeStatus(status, 'modern'),
  } satisfies Partial<CommonHandlers['onWrite']>;
}

function queueWrites(core: TransportCore, selected: Selected) {
  const { queues, interrupts, features, refusals } = core;
  /** Runs `change` on the selected queue where the driver may set it up; a value it refuses is counted. */
  const setUp = (change: (queue: QueueRegisters) => boolean) => {
    const queue = selected();
    if (!core.speaks('modern') || !queues.open(queue) || !change(queue)) refusals.queue += 1;
  };
  const word = (area: QueueArea) => (value: number, index: number) =>
    setUp((queue) => {
      queue[area][index === 0 ? 'low' : 'high'] = value;
      return true;
    });
  const vector = (value: number) => {
    const queue = selected();
    if (queue === undefined) refusals.queue += 1;
    else interrupts.setQueueVector(queue.index, value);
  };
  return {
    QUEUE_SIZE: (size) => setUp((queue) => queue.setSize(size, features.accepted)),
    QUEUE_MSIX_VECTOR: vector,
    QUEUE_ENABLE: (value) =>
      setUp((queue) => {
        if (value === 1) queues.enable(queue);
        return value === 1;
      }),
    QUEUE_DESC: word('descriptors'),
    QUEUE_DRIVER: word('driverArea'),
    QUEUE_DEVICE: word('deviceArea'),
    QUEUE_RESET: (value) => {
      if (value !== 1 || !queues.resetQueue(selected())) refusals.queue += 1;
    },
  } satisfies Partial<CommonHandlers['onWrite']>;
}
