/** The devices of a PC that are not virtio, and the PCI bus with those that are: what answers a guest's accesses. */
import type { PlacedDevice } from '../../ioregion/inline/register-bus.js';
import { NO_CONTEXT } from '../../ioregion/server/device-module.js';
import { Interrupts } from '../../kvm/interrupts.js';
import { createFunction, type FunctionModuleOptions } from '../../virtio/pci/index.js';
import { WindowMap } from '../../virtio/pci/window-map.js';
import { Cmos } from '../devices/cmos.js';
import { DebugExit } from '../devices/debug-exit.js';
import { gsiLine } from '../devices/irq-line.js';
import { KeyboardController } from '../devices/keyboard-controller.js';
import { PM_PORTS, PowerManagement } from '../devices/power-management.js';
import { ResetControl } from '../devices/reset-control.js';
import { openUart, type SharedSerial, UART_PORTS } from '../devices/serial/index.js';
import { ALL_PORTS, ECAM, Gsi, PCI_MEMORY, PCI_MEMORY_64, PCI_PORTS, Port, type Range } from '../layout.js';
import {
  CONFIG_PORTS,
  ConfigPorts,
  Ecam,
  type ForwardedFunction,
  openForwardedFunction,
  PciBus,
} from '../pci/index.js';
import { MachineSignal, type SharedMachineSignal } from './machine-signal.js';

/** A slot of the bus: a function that is made on the board's thread, or one that is elsewhere. */
export interface SlotOptions {
  readonly slot: number;
  readonly here?: FunctionModuleOptions;
  readonly elsewhere?: ForwardedFunction;
}

/** Plain data: the board is made on the thread that serves it. Descriptors stay those of the machine. */
export interface BoardOptions {
  /** Number of the VM's descriptor. */
  readonly vm: number;
  /** Null: the machine has no serial port. */
  readonly serial: SharedSerial | null;
  readonly signal: SharedMachineSignal;
  /** `PowerManagement.words`. */
  readonly power: SharedArrayBuffer;
  readonly slots: readonly SlotOptions[];
}

/** A part of the guest's address space. */
export interface BoardPlace extends PlacedDevice {
  readonly name: string;
}

/** Where the parts of every board are: known before there is one. */
export const BOARD_PLACES: readonly Omit<BoardPlace, 'device'>[] = [
  place('ports', 'pio', ALL_PORTS),
  place('ecam', 'mmio', ECAM),
  place('pci-memory', 'mmio', PCI_MEMORY),
  place('pci-memory-64', 'mmio', PCI_MEMORY_64),
];

function place(name: string, space: 'mmio' | 'pio', { start, end }: Range): Omit<BoardPlace, 'device'> {
  return { name, space, address: start, size: end - start };
}

/** The parts in the order of BOARD_PLACES. @throws what the devices of its slots throw */
export async function createBoard(options: BoardOptions): Promise<BoardPlace[]> {
  const bus = new PciBus();
  for (const slot of options.slots) await plug(bus, slot);
  const devices = [
    ports(options, bus),
    new Ecam(bus),
    bus.window('mmio', PCI_MEMORY.start),
    bus.window('mmio', PCI_MEMORY_64.start),
  ];
  return BOARD_PLACES.map((one, index) => ({ ...one, device: devices[index]! }));
}

async function plug(bus: PciBus, { slot, here, elsewhere }: SlotOptions): Promise<void> {
  if (here !== undefined) bus.plug(slot, await createFunction(here, NO_CONTEXT));
  if (elsewhere !== undefined) bus.plug(slot, openForwardedFunction(elsewhere));
}

/** All ports; those in frequent use come first. */
function ports({ vm, serial, signal: shared, power }: BoardOptions, bus: PciBus): WindowMap {
  const interrupts = new Interrupts({ number: vm });
  const signal = MachineSignal.open(shared);
  const onReset = (): void => signal.post('reset');
  const onPowerOff = (): void => signal.post('power-off');
  const line = gsiLine(interrupts, Gsi.sci);
  const uart = serial === null ? null : openUart(serial, gsiLine(interrupts, Gsi.serial));
  return new WindowMap([
    ...(uart === null ? [] : [{ offset: Port.serial, size: UART_PORTS, device: uart }]),
    { offset: Port.pciAddress, size: CONFIG_PORTS, device: new ConfigPorts(bus, new ResetControl(onReset)) },
    {
      offset: PCI_PORTS.start,
      size: PCI_PORTS.end - PCI_PORTS.start,
      device: bus.window('pio', PCI_PORTS.start),
    },
    { offset: Port.powerManagement, size: PM_PORTS, device: new PowerManagement({ line, onPowerOff, words: power }) },
    { offset: Port.cmos, size: 2, device: new Cmos() },
    { offset: Port.keyboard, size: 1, device: new KeyboardController(onReset) },
    { offset: Port.debugExit, size: 4, device: new DebugExit((code) => signal.post('debug-exit', code)) },
  ]);
}
