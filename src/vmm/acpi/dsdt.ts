/** The DSDT: the PCI host bridge with its windows and interrupts, the devices on the board, and how to switch off. */

import { HOTPLUG_PORTS } from '../devices/pci-hotplug.js';
import { PM_PORTS, SLEEP_TYPE_S5 } from '../devices/power-management.js';
import { UART_PORTS } from '../devices/serial/index.js';
import { ECAM, Gsi, PCI_MEMORY, PCI_MEMORY_64, PCI_PORTS, Port } from '../layout.js';
import { type Aml, device, eisaId, integer, name, packageOf, scope } from './aml.js';
import { hotplugEvent, hotplugSlots } from './hotplug-slots.js';
import { busNumbers, ioPorts, ioWindow, isaIrq, memoryWindow, memoryWindow64, resources } from './resources.js';

const ANY_FUNCTION = 0xffff;

/** The terms of the table. */
export function dsdtTerms(hasSerial: boolean): Aml {
  const devices = [hostBridge(), motherboard(), clock(), ...(hasSerial ? [serialPort()] : [])];
  return scope('\\_SB', devices) + hotplugEvent() + softOff();
}

function hostBridge(): Aml {
  return device('PCI0', [
    name('_HID', eisaId('PNP0A08')),
    name('_CID', eisaId('PNP0A03')),
    name('_UID', integer(0)),
    name('_BBN', integer(0)),
    name('_SEG', integer(0)),
    name('_CRS', resources(bridgeResources())),
    name('_PRT', interruptRoutes()),
    ...hotplugSlots(),
  ]);
}

function bridgeResources(): Aml[] {
  const belowConfig = { start: 0, end: Port.pciAddress };
  return [
    busNumbers({ start: 0, end: 1 }),
    ioPorts(Port.pciAddress, 8),
    ioWindow(belowConfig),
    ioWindow(PCI_PORTS),
    memoryWindow(PCI_MEMORY),
    memoryWindow64(PCI_MEMORY_64),
  ];
}

/** INTA# of each slot that has a pin, wired to a GSI of its own. */
function interruptRoutes(): Aml {
  const routes = Array.from({ length: Gsi.pciCount }, (_, index) => {
    const address = (index + 1) * 0x1_0000 + ANY_FUNCTION;
    return packageOf([integer(address), integer(0), integer(0), integer(Gsi.firstPci + index)]);
  });
  return packageOf(routes);
}

/** What is taken and belongs to no device: registers of ACPI and of hotplug, and ECAM as PCI Firmware 3.3, 4.1.2 wants it. */
function motherboard(): Aml {
  const ports = [ioPorts(Port.powerManagement, PM_PORTS), ioPorts(Port.hotplug, HOTPLUG_PORTS)];
  const taken = [...ports, memoryWindow(ECAM)];
  return device('MB', [name('_HID', eisaId('PNP0C02')), name('_CRS', resources(taken))]);
}

function clock(): Aml {
  const taken = [ioPorts(Port.cmos, 2), isaIrq(Gsi.rtc)];
  return device('RTC', [name('_HID', eisaId('PNP0B00')), name('_CRS', resources(taken))]);
}

function serialPort(): Aml {
  const taken = [ioPorts(Port.serial, UART_PORTS), isaIrq(Gsi.serial)];
  const identity = [name('_HID', eisaId('PNP0501')), name('_UID', integer(1))];
  return device('COM1', [...identity, name('_CRS', resources(taken))]);
}

function softOff(): Aml {
  const values = [SLEEP_TYPE_S5, SLEEP_TYPE_S5, 0, 0].map(integer);
  return name('\\_S5', packageOf(values));
}
