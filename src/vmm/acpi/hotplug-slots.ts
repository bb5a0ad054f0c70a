/** The slots of the PCI bus for the guest's driver of ACPI hotplug: how it hears of changes, and how it ejects a device. */
import { HOTPLUG_PORTS } from '../devices/pci-hotplug.js';
import { Gpe } from '../devices/power-management.js';
import { Port } from '../layout.js';
import { PCI_SLOTS } from '../pci/pci-slots.js';
import {
  type Aml,
  and,
  device,
  dwordFields,
  integer,
  local,
  method,
  name,
  notify,
  portRegion,
  reference,
  scope,
  store,
  when,
} from './aml.js';

/** In the order of the registers. */
const Field = { arrived: 'ARVD', wanted: 'WNTD', eject: 'EJCT' } as const;
const REGION = 'HPRG';
const CHANGED = 'HPCH';
/** ACPI 6.5, 5.6.6: values of notifications. */
const Notification = { deviceCheck: 1, ejectRequest: 3 } as const;

const SLOTS = Array.from({ length: PCI_SLOTS - 1 }, (_, index) => index + 1);
const bit = (slot: number): Aml => integer(2 ** slot);
const slotName = (slot: number): string => `S${slot.toString(16).toUpperCase().padStart(2, '0')}`;

/** Terms of the host bridge. */
export function hotplugSlots(): Aml[] {
  const registers = [portRegion(REGION, Port.hotplug, HOTPLUG_PORTS), dwordFields(REGION, Object.values(Field))];
  return [...registers, ...SLOTS.map(slotDevice), changed()];
}

/** `_SUN` is the number that people see; `_EJ0` takes the device out. */
function slotDevice(slot: number): Aml {
  const eject = method('_EJ0', 1, [store(bit(slot), reference(Field.eject))]);
  return device(slotName(slot), [name('_ADR', integer(slot * 0x1_0000)), name('_SUN', integer(slot)), eject]);
}

/** Takes note of what has changed, which clears it, and tells the drivers of the slots. */
function changed(): Aml {
  const [arrived, wanted] = [local(0), local(1)];
  const take = (field: string, into: Aml): Aml[] => [store(reference(field), into), store(into, reference(field))];
  const tell = (slot: number): Aml[] => [
    when(and(arrived, bit(slot)), [notify(slotName(slot), Notification.deviceCheck)]),
    when(and(wanted, bit(slot)), [notify(slotName(slot), Notification.ejectRequest)]),
  ];
  const terms = [...take(Field.arrived, arrived), ...take(Field.wanted, wanted), ...SLOTS.flatMap(tell)];
  return method(CHANGED, 0, terms, true);
}

/** The handler of the general-purpose event: edge-triggered, so that what happens meanwhile raises it again. */
export function hotplugEvent(): Aml {
  const handler = `_E${Gpe.hotplug.toString(16).padStart(2, '0')}`;
  return scope('\\_GPE', [method(handler, 0, [reference(`\\_SB.PCI0.${CHANGED}`)])]);
}
