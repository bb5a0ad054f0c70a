/** Configuration space of one function, and what the driver's writes to it do. */
import { RegisterBlock, type RegisterBlockDevice, type RegisterDevice } from '../../ioregion/device.js';
import type { InterruptController } from '../interrupt/index.js';
import { CommandBit } from '../spec/pci-config-space.js';
import { MsixControlBit } from '../spec/pci-msix.js';
import { type ConfigTableOptions, configTable } from './config-table.js';
import { type FunctionShape, isSameShape } from './function-shape.js';
import { barName } from './header-table.js';
import { pciIdentity } from './identity.js';
import { type Bar, type FunctionLayout, functionLayout } from './layout.js';
import type { PciCfgAccess, PciCfgTarget } from './pci-cfg-access.js';

/** Where a BAR is now. */
export interface BarMapping {
  readonly bar: number;
  readonly space: 'mmio' | 'pio';
  /** gpa or port; null where the BAR is not decoded. */
  readonly address: number | null;
}

/** The function behind a configuration space. */
export interface ConfigSpaceParts {
  readonly interrupts: InterruptController;
  readonly pciCfg: PciCfgAccess;
  /** A BAR is elsewhere now. Called before the access that moved it completes. */
  readonly onBarMapped: (mapping: BarMapping) => void;
}

const ALL_ONES = 0xffffffff;
/** x86 has at most 52 physical address bits. */
const ADDRESS_LIMIT = 2 ** 52;

type ConfigBlock = RegisterBlockDevice<ReturnType<typeof configTable>>;

/**
 * It needs no device, only what one is described with: what a driver asks and says before the function is connected is in force from
 * then on.
 */
export class ConfigSpace implements RegisterDevice {
  readonly layout: FunctionLayout;
  readonly #shape: FunctionShape;
  readonly #block: ConfigBlock;
  readonly #arrive: () => void;
  #parts: ConfigSpaceParts | null = null;
  /** By BAR number: what `onBarMapped` was told last. */
  readonly #addresses: (number | null)[] = [];

  /**
   * `arrive` is called for an access to PCI_CFG_DATA before the function is connected, and connects it where it can.
   * @throws PciFunctionError, DeviceTypeError
   */
  constructor(shape: FunctionShape, arrive: () => void = () => {}) {
    this.#shape = shape;
    this.#arrive = arrive;
    this.layout = functionLayout(shape);
    this.#block = new RegisterBlock(configTable(tableOptions(shape, this.layout))).create({
      onRead: {
        COMMAND_STATUS: (stored) => stored | this.#statusBit(),
        PCI_CFG_DATA: () => this.#reach()?.read(this.#target()) ?? ALL_ONES,
      },
      onWrite: { PCI_CFG_DATA: (data) => this.#reach()?.write(this.#target(), data) },
    });
  }

  /** The function is there, and hears at once of all that the driver has said. */
  connect(parts: ConfigSpaceParts): void {
    this.#parts = parts;
    this.#apply();
  }

  /** Whether it is that of a function of this shape. */
  describes(shape: FunctionShape): boolean {
    return isSameShape(shape, this.#shape);
  }

  read(offset: number, size: number): number {
    return this.#block.read(offset, size);
  }

  write(offset: number, size: number, value: number): void {
    this.#block.write(offset, size, value);
    this.#apply();
  }

  /** Where a BAR is decoded now; null where it is not. */
  address(bar: number): number | null {
    return this.#addresses[bar] ?? null;
  }

  /** What firmware does: gives a BAR an address, a multiple of its size, and has its space decoded. */
  place(bar: number, address: number): void {
    const spec = this.layout.bars.find(({ index }) => index === bar);
    if (spec === undefined) return;
    const low = this.#block.register(barName(bar));
    low.value = (address % 2 ** 32) + (low.value % spec.size);
    if (spec.wide) this.#block.register(barName(bar + 1)).value = Math.floor(address / 2 ** 32);
    this.#block.register('COMMAND_STATUS').value |= decodeBit(spec);
    this.#apply();
  }

  /** Registers as data that JSON can carry. */
  save(): unknown {
    return this.#block.save();
  }

  /** @throws RegisterStateError before anything is restored */
  restore(state: unknown): void {
    this.#block.restore(state);
    this.#apply();
  }

  /** Brings everything in line with the registers; what is in line already stays as it is. */
  #apply(): void {
    const parts = this.#parts;
    if (parts === null) return;
    const { interrupts } = parts;
    const command = this.#block.register('COMMAND_STATUS').value;
    interrupts.setPinDisabled((command & (1 << CommandBit.interruptDisable)) !== 0);
    if (this.layout.msixTable !== null) {
      const control = this.#block.register('MSIX_CONTROL').value;
      interrupts.setMode(bitOf(control, MsixControlBit.enable), bitOf(control, MsixControlBit.functionMask));
    }
    for (const bar of this.layout.bars) this.#map(parts, bar, (command & decodeBit(bar)) !== 0);
  }

  #map({ onBarMapped }: ConfigSpaceParts, bar: Bar, decoded: boolean): void {
    const address = decoded ? this.#programmed(bar) : null;
    if (address === this.address(bar.index)) return;
    this.#addresses[bar.index] = address;
    onBarMapped({ bar: bar.index, space: bar.space, address });
  }

  /** The address in the registers; null while they hold zero, or all ones, which is how their size is asked for. */
  #programmed({ index, size, wide }: Bar): number | null {
    const low = this.#block.register(barName(index)).value;
    const high = wide ? this.#block.register(barName(index + 1)).value : 0;
    const base = low - (low % size);
    const address = high * 2 ** 32 + base;
    return base + size === 2 ** 32 || address === 0 || address >= ADDRESS_LIMIT ? null : address;
  }

  #statusBit(): number {
    return this.#parts?.interrupts.pinRequested ? 1 << CommandBit.interruptStatus : 0;
  }

  /** The windows of the function; null where it does not come. */
  #reach(): PciCfgAccess | null {
    if (this.#parts === null) this.#arrive();
    return this.#parts?.pciCfg ?? null;
  }

  #target(): PciCfgTarget {
    const bar = this.#block.register('PCI_CFG_BAR').value;
    const offset = this.#block.register('PCI_CFG_OFFSET').value;
    return { bar, offset, length: this.#block.register('PCI_CFG_LENGTH').value };
  }
}

function tableOptions(shape: FunctionShape, layout: FunctionLayout): ConfigTableOptions {
  const { deviceType, transitional, vectors, hasPin } = shape;
  return { identity: pciIdentity(deviceType, transitional), layout, vectors, hasPin };
}

/** The bit of the command register that has a BAR decoded. */
function decodeBit({ space }: Bar): number {
  return 1 << (space === 'pio' ? CommandBit.ioSpace : CommandBit.memorySpace);
}

function bitOf(value: number, bit: number): boolean {
  return ((value >>> bit) & 1) === 1;
}
