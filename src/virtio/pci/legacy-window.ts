/** The legacy I/O BAR of a transitional device: the header, then device configuration, which moves when MSI-X is enabled. */
import { type Handlers, RegisterBlock, type RegisterBlockDevice, type RegisterDevice } from '../../ioregion/device.js';
import { LegacyCfg, MSI_NO_VECTOR } from '../spec/index.js';
import type { QueueRegisters, TransportCore } from '../transport/index.js';
import { legacyTable } from './legacy-table.js';

type LegacyHandlers = Required<Handlers<typeof legacyTable>>;

export class LegacyWindow implements RegisterDevice {
  readonly header: RegisterBlockDevice<typeof legacyTable>;
  readonly #core: TransportCore;

  constructor(core: TransportCore) {
    this.#core = core;
    const selected = () => core.queues.get(this.header.register('QUEUE_SELECT').value);
    this.header = new RegisterBlock(legacyTable).create({
      onRead: reads(core, selected),
      onWrite: writes(core, selected),
    });
  }

  read(offset: number, size: number): number {
    const headerSize = this.#headerSize;
    if (offset < headerSize) return this.header.read(offset, size);
    return this.#core.config.read(offset - headerSize, size);
  }

  write(offset: number, size: number, value: number): void {
    const headerSize = this.#headerSize;
    if (offset < headerSize) this.header.write(offset, size, value);
    else this.#core.config.write(offset - headerSize, size, value);
  }

  get #headerSize(): number {
    return this.#core.interrupts.msixEnabled ? LegacyCfg.sizeWithMsix : LegacyCfg.size;
  }
}

type Selected = () => QueueRegisters | undefined;

function reads(core: TransportCore, selected: Selected): LegacyHandlers['onRead'] {
  return {
    DEVICE_FEATURES: () => core.features.offeredToLegacy,
    DRIVER_FEATURES: () => core.features.driverWindow(0),
    QUEUE_ADDRESS: () => selected()?.legacyPage ?? 0,
    QUEUE_SIZE: () => selected()?.maxSize ?? 0,
    DEVICE_STATUS: () => core.status,
    ISR_STATUS: () => core.interrupts.takeIsr(),
    CONFIG_MSIX_VECTOR: () => core.interrupts.configVector,
    QUEUE_MSIX_VECTOR: () => {
      const queue = selected();
      return queue === undefined ? MSI_NO_VECTOR : core.interrupts.queueVector(queue.index);
    },
  };
}

function writes(core: TransportCore, selected: Selected): LegacyHandlers['onWrite'] {
  const { interrupts, queues, refusals } = core;
  return {
    DRIVER_FEATURES: (bits) => core.writeFeatures(0, bits, 'legacy'),
    QUEUE_ADDRESS: (page) => {
      const queue = selected();
      if (core.speaks('legacy') && queues.openToLegacy(queue)) queue.setLegacyPage(page);
      else refusals.queue += 1;
    },
    QUEUE_NOTIFY: (index) => {
      if (core.speaks('legacy')) queues.kick(index);
      else refusals.kick += 1;
    },
    DEVICE_STATUS: (status) => core.writeStatus(status, 'legacy'),
    CONFIG_MSIX_VECTOR: (vector) => {
      interrupts.configVector = vector;
    },
    QUEUE_MSIX_VECTOR: (vector) => {
      const queue = selected();
      if (queue === undefined) refusals.queue += 1;
      else interrupts.setQueueVector(queue.index, vector);
    },
  };
}
