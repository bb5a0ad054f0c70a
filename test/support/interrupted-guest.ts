/** Real mode guests that wait for an interrupt, report it to the host, and acknowledge it. */
import { EXIT_REASONS } from 'ioregion/kvm';
import { expect } from 'vitest';
import { EXIT_PORT, exit, outAl } from './tiny-code.js';
import { type TinyGuest, tinyGuest } from './tiny-guest.js';

export const MSI_ADDRESS = 0xfee0_0000;
export const MSI_VECTOR = 0x31;
export const PIC_VECTORS = 0x20;
export const PIN = 5;
const HANDLER = 0x2000;
const LAPIC_SPURIOUS = 0xf0;
const LAPIC_ENABLED = 0x100;

const PIC_COMMAND = 0x20;
export const PIC_DATA = 0x21;
const END_OF_INTERRUPT = 0x20;
const movAl = (value: number): number[] => [0xb0, value];
const outValue = (port: number, value: number): number[] => [...movAl(value), ...outAl(port)];
const enableInterrupts = [0xfb];
const returnFromInterrupt = [0xcf];

/** Initialises the master PIC for vectors from 0x20 and unmasks every line. */
const initialisePic = [
  outValue(PIC_COMMAND, 0x11),
  outValue(PIC_DATA, PIC_VECTORS),
  outValue(PIC_DATA, 0x04),
  outValue(PIC_DATA, 0x01),
  outValue(PIC_DATA, 0x00),
].flat();
/** 20 million turns, then the exit below: a second or so at full speed, half a minute where the guest is emulated. */
const waitLong = [0x66, 0xb9, 0x00, 0x2d, 0x31, 0x01, 0xf3, 0x90, 0x67, 0xe2, 0xfb];

/** Reports the interrupt to the host, then acknowledges it. */
const handler = [...exit, ...outValue(PIC_COMMAND, END_OF_INTERRUPT), ...exit, ...returnFromInterrupt];

/** A real mode guest that gets ready, tells the host, then waits (but not for ever) for the interrupt `vector`. */
function waitingGuest(vector: number, ready: readonly number[]): TinyGuest {
  const guest = tinyGuest([...ready, ...exit, ...enableInterrupts, ...waitLong, ...exit], {
    prepare: (vm) => vm.interrupts.createIrqchip(),
  });
  guest.memory.set(handler, HANDLER);
  new DataView(guest.memory.buffer).setUint32(4 * vector, HANDLER, true);
  expectExitPort(guest);
  return guest;
}

/** A guest whose local APIC takes messages. */
export function guestTakingMessages(): TinyGuest {
  const guest = waitingGuest(MSI_VECTOR, []);
  const lapic = guest.state.lapic();
  const view = new DataView(lapic.buffer);
  view.setUint32(LAPIC_SPURIOUS, view.getUint32(LAPIC_SPURIOUS, true) | LAPIC_ENABLED, true);
  guest.state.setLapic(lapic);
  return guest;
}

export const guestWithPic = (): TinyGuest => waitingGuest(PIC_VECTORS + PIN, initialisePic);

export function expectExitPort({ run, page }: TinyGuest): void {
  expect([run(), page.io.port]).toEqual([EXIT_REASONS.KVM_EXIT_IO, EXIT_PORT]);
}

/**
 * The next exit is the handler's: the guest has taken the interrupt. Where the hardware runs the guest, KVM steps over
 * the OUT at the next entry only; an emulator has done so.
 */
export function expectInterrupt(guest: TinyGuest): void {
  expectExitPort(guest);
  expect([HANDLER, HANDLER + exit.length]).toContain(Number(guest.state.regs().rip));
}
