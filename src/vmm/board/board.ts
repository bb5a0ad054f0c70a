/** The devices of a PC that are not virtio, and the PCI bus with those that are: what answers a guest's accesses. */
import type { RegisterDevice } from '../../ioregion/device.js';
import { Interrupts } from '../../kvm/interrupts.js';
import { type Window, WindowMap } from '../../virtio/pci/window-map.js';
import type { Suspendable } from '../../virtio/state/index.js';
import { Cmos } from '../devices/cmos.js';
import { DebugExit } from '../devices/debug-exit.js';
import { gsiLine } from '../devices/irq-line.js';
import { KeyboardController } from '../devices/keyboard-controller.js';
import { HOTPLUG_PORTS, PciHotplug } from '../devices/pci-hotplug.js';
import { Gpe, PM_PORTS, PowerManagement } from '../devices/power-management.js';
import { ResetControl } from '../devices/reset-control.js';
import { openUart, type SharedSerial, UART_PORTS } from '../devices/serial/index.js';
import { Gsi, PCI_MEMORY, PCI_MEMORY_64, PCI_PORTS, Port } from '../layout.js';
import { metered, type SharedMeters, tallied } from '../metrics/region-meters.js';
import { CONFIG_PORTS, ConfigPorts, Ecam, PciBus } from '../pci/index.js';
import type { METERED } from './board-meters.js';
import { BOARD_PLACES, type BoardPlace } from './board-places.js';
import { answerSlot, type SlotAnswer, type SlotQuestion } from './board-question.js';
import { BoardSlots, type SlotOptions } from './board-slots.js';
import { type BoardParts, BoardState } from './board-state.js';
import { closing } from './closing.js';
import { MachineSignal, type SharedMachineSignal } from './machine-signal.js';

/** Plain data: the board is made on the thread that serves it. Descriptors stay those of the machine. */
export interface BoardOptions {
  /** Number of the VM's descriptor. */
  readonly vm: number;
  /** Null: the machine has no serial port. */
  readonly serial: SharedSerial | null;
  readonly signal: SharedMachineSignal;
  /** `PowerManagement.words`. */
  readonly power: SharedArrayBuffer;
  /** `HotplugCounts.words`. */
  readonly hotplug: SharedArrayBuffer;
  readonly slots: readonly SlotOptions[];
  readonly meters: SharedMeters;
}

export interface Board {
  /** In the order of BOARD_PLACES. */
  readonly places: readonly BoardPlace[];
  readonly state: Suspendable;
  /** Starts the devices that are late; the first of them that the guest looks for starts itself otherwise. Idempotent. */
  begin(): void;
  /** Does not reject. */
  answer(question: SlotQuestion): Promise<SlotAnswer>;
}

/** @throws what the devices of its slots throw */
export async function createBoard(options: BoardOptions): Promise<Board> {
  const bus = new PciBus();
  const { meters } = options;
  const signal = MachineSignal.open(options.signal);
  const slots = new BoardSlots(bus, meters, (slot, reason) => signal.postLost(slot, reason));
  await slots.plugAll(options.slots);
  const { map, parts } = ports(options, bus, slots, signal);
  const devices = [
    map,
    closing(metered(meters, 'pci-ecam', new Ecam(bus)), slots) /* the functions */,
    bus.window('mmio', PCI_MEMORY.start),
    bus.window('mmio', PCI_MEMORY_64.start),
  ];
  const places = BOARD_PLACES.map((one, index) => ({ ...one, device: tallied(meters, one.name, devices[index]!) }));
  const state = new BoardState(parts, slots.suspendable, bus);
  return {
    places,
    state,
    begin: () => slots.begin(),
    answer: (question) => answerSlot(slots, parts.hotplug, question),
  };
}

interface BoardPorts {
  readonly map: WindowMap;
  readonly parts: BoardParts & { readonly hotplug: PciHotplug };
}

/** All ports; those in frequent use come first. */
function ports(options: BoardOptions, bus: PciBus, slots: BoardSlots, signal: MachineSignal): BoardPorts {
  const { serial, meters } = options;
  const interrupts = new Interrupts({ number: options.vm });
  const onReset = (): void => signal.post('reset');
  const power = new PowerManagement({
    line: gsiLine(interrupts, Gsi.sci),
    onPowerOff: () => signal.post('power-off'),
    words: options.power,
  });
  const at = (name: (typeof METERED)[number], offset: number, size: number, device: RegisterDevice): Window => {
    return { offset, size, device: metered(meters, name, device) };
  };
  const uart = serial === null ? null : openUart(serial, gsiLine(interrupts, Gsi.serial));
  const pciPorts = bus.window('pio', PCI_PORTS.start);
  const reset = new ResetControl(onReset);
  const config = new ConfigPorts(bus, reset);
  const cmos = new Cmos();
  const hotplug = new PciHotplug({
    onChange: () => power.raise(Gpe.hotplug),
    onEject: (slot) => ejected(slots, signal, slot),
    counts: options.hotplug,
  });
  const map = new WindowMap([
    ...(uart === null ? [] : [at('serial', Port.serial, UART_PORTS, uart)]),
    at('pci-config', Port.pciAddress, CONFIG_PORTS, config),
    { offset: PCI_PORTS.start, size: PCI_PORTS.end - PCI_PORTS.start, device: pciPorts },
    at('power-management', Port.powerManagement, PM_PORTS, power),
    at('pci-hotplug', Port.hotplug, HOTPLUG_PORTS, hotplug),
    at('cmos', Port.cmos, 2, cmos),
    at('keyboard-controller', Port.keyboard, 1, new KeyboardController(onReset)),
    at('debug-exit', Port.debugExit, 4, new DebugExit((code) => signal.post('debug-exit', code))),
  ]);
  return { map, parts: { serial: uart, config, reset, power, hotplug, cmos } };
}

function ejected(slots: BoardSlots, signal: MachineSignal, slot: number): boolean {
  const isOut = slots.eject(slot);
  if (isOut) signal.postEjected(slot);
  return isOut;
}
