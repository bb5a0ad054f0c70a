/** What KVM and the devices have of a machine, as sections; and the way back, in an order that loses nothing. */
import {
  IRQCHIP_STATE_BYTES,
  PIT_STATE_BYTES,
  restoreVcpu,
  SAVED_VCPU_PARTS,
  saveVcpu,
  type Vcpu,
  type Vm,
} from '../../kvm/index.js';
import type { SerialPort } from '../devices/serial/index.js';
import { joinBoard, splitBoard } from './function-sections.js';
import { type Sections, section } from './sections.js';
import { BOARD, type StateTarget } from './state-target.js';

/** All of a machine that is saved, but its memory. The vCPUs are out of the guest and settled, the targets suspended. */
export interface MachineParts {
  readonly vm: Vm;
  readonly vcpus: readonly Pick<Vcpu, 'id' | 'state'>[];
  readonly serial: SerialPort | null;
  /** The board last: it looks up where the functions elsewhere have their BARs. */
  readonly targets: readonly StateTarget[];
}

const CONTROLLERS = ['picMaster', 'picSlave', 'ioapic'] as const;
const CLOCK_BYTES = 8;
/** More than anybody types ahead. */
const MAX_TYPED = 2 ** 20;

export async function saveMachine({ vm, vcpus, serial, targets }: MachineParts): Promise<Sections> {
  const sections = new Map<string, Uint8Array>();
  for (const target of targets)
    for (const [name, state] of sectionsOf(target, await target.save())) sections.set(name, state);
  const msrs = vm.kvm.msrIndexList();
  for (const { id, state } of vcpus) {
    for (const [part, bytes] of Object.entries(saveVcpu(state.fd, msrs))) sections.set(`vcpu ${id} ${part}`, bytes);
  }
  for (const name of CONTROLLERS) sections.set(name, vm.interrupts.irqchip(name));
  sections.set('pit', vm.interrupts.pit());
  sections.set('clock', encodeClock(vm.clock().clock));
  sections.set('typed', serial?.unread ?? new Uint8Array(0));
  return sections;
}

/**
 * vCPUs come first: an interrupt that the IOAPIC or a device sends when it is restored must find local APICs that keep it. The clock
 * comes last, so that it stands still until then. The targets are suspended afterwards.
 * @throws SnapshotFormatError, KvmSavedStateError, KvmIoctlError, KvmMsrError, RemoteStateError
 */
export async function restoreMachine({ vm, vcpus, serial, targets }: MachineParts, sections: Sections): Promise<void> {
  const msrs = vm.kvm.msrIndexList();
  for (const { id, state } of vcpus) {
    const parts = SAVED_VCPU_PARTS.map((part) => [part, section(sections, `vcpu ${id} ${part}`)] as const);
    restoreVcpu(state.fd, Object.fromEntries(parts), msrs);
  }
  for (const name of CONTROLLERS) vm.interrupts.setIrqchip(name, section(sections, name, IRQCHIP_STATE_BYTES));
  vm.interrupts.setPit(section(sections, 'pit', PIT_STATE_BYTES));
  for (const target of targets)
    await target.restore(target.name === BOARD ? joinBoard(sections) : section(sections, target.name));
  serial?.typeAhead(section(sections, 'typed').subarray(0, MAX_TYPED));
  vm.setClock({ clock: decodeClock(section(sections, 'clock', CLOCK_BYTES)) });
  for (const { state } of vcpus) state.notePause();
}

function sectionsOf({ name }: StateTarget, saved: Uint8Array): Sections {
  return name === BOARD ? splitBoard(saved) : new Map([[name, saved]]);
}

function encodeClock(clock: bigint): Uint8Array {
  const bytes = new Uint8Array(CLOCK_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, clock, true);
  return bytes;
}

/** kvmclock is a signed number of ns for the kernel. */
function decodeClock(bytes: Uint8Array): bigint {
  return BigInt.asUintN(63, new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
}
