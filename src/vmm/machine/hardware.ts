/** A machine that is switched on: everything that a power cycle makes anew, but its vCPUs. */
import { Kvm, type Vm } from '../../kvm/index.js';
import { GuestMemory } from '../../memory/index.js';
import { type Disposables, EventFd, FdWatch } from '../../native/index.js';
import { loadAcpi } from '../acpi/tables.js';
import type { BoardOptions } from '../board/board.js';
import { type GuestRequest, type LostSlot, MachineSignal } from '../board/machine-signal.js';
import { type BootFile, type LoadedKernel, loadBootFiles } from '../boot/index.js';
import { gsiLine } from '../devices/irq-line.js';
import { PowerManagement } from '../devices/power-management.js';
import { SerialPort } from '../devices/serial/index.js';
import { MachineOptionError } from '../errors.js';
import { Gsi, IDENTITY_MAP_ADDRESS, TSS_ADDRESS } from '../layout.js';
import { withBootFile } from './boot-files.js';
import type { CheckedDescription } from './description.js';

export interface Hardware {
  readonly kvm: Kvm;
  readonly vm: Vm;
  readonly memory: GuestMemory;
  /** Null: memory is as it is made, for a machine that is restored. */
  readonly kernel: LoadedKernel | null;
  readonly serial: SerialPort | null;
  readonly power: PowerManagement;
  readonly signal: MachineSignal;
  readonly board: BoardOptions;
}

/** What is heard of the guest, on a turn of the event loop. */
export interface GuestWishes {
  /** What the guest wants of its machine. */
  readonly onRequest: (request: GuestRequest) => void;
  /** It has taken devices out of these slots. */
  readonly onEjected: (slots: readonly number[]) => void;
  /** Devices of these slots do not answer it any more. */
  readonly onLost: (lost: readonly LostSlot[]) => void;
}

/**
 * Everything is disposed of by `undo`, in the opposite order.
 * @throws MachineFileError, KernelFormatError, GuestMemoryTooSmallError, KvmUnavailableError, KvmIoctlError
 */
export function buildHardware(
  description: CheckedDescription,
  undo: Disposables,
  counting: Pick<BoardOptions, 'meters' | 'hotplug'>,
  wishes: GuestWishes,
  isRestored: boolean,
): Hardware {
  const memory = undo.use(GuestMemory.create(description.memory));
  const kernel = isRestored ? null : load(description, memory);
  const kvm = undo.use(Kvm.open());
  const vm = undo.use(kvm.createVm());
  for (const region of memory.regions) vm.memory.add(region);
  vm.setTssAddress(TSS_ADDRESS);
  vm.setIdentityMapAddress(IDENTITY_MAP_ADDRESS);
  vm.interrupts.createIrqchip();
  vm.interrupts.createPit({ speaker: true });
  const { serial: streams } = description;
  const serial = streams === null ? null : new SerialPort(gsiLine(vm.interrupts, Gsi.serial), streams);
  undo.defer(() => serial?.close());
  const power = new PowerManagement({ line: gsiLine(vm.interrupts, Gsi.sci), onPowerOff: () => {} });
  const signal = openSignal(undo, wishes);
  const shared = { vm: vm.fd.number, serial: serial?.share() ?? null, signal: signal.share(), power: power.words };
  return { kvm, vm, memory, kernel, serial, power, signal, board: { ...counting, ...shared, slots: [] } };
}

function load(description: CheckedDescription, memory: GuestMemory): LoadedKernel {
  const { kernel, initrd, commandLine, memory: bytes, cpus, serial } = description;
  if (kernel === null) throw new MachineOptionError('a machine that was restored without a kernel cannot start anew');
  const rsdp = loadAcpi(memory, { cpus, serial: serial !== null });
  return withBootFile('kernel', kernel, (file) => {
    const loadWith = (ramdisk: BootFile | null): LoadedKernel =>
      loadBootFiles(memory, bytes, { kernel: file, initrd: ramdisk, commandLine, rsdp });
    return initrd === null ? loadWith(null) : withBootFile('initrd', initrd, loadWith);
  });
}

function openSignal(undo: Disposables, { onRequest, onEjected, onLost }: GuestWishes): MachineSignal {
  const eventfd = undo.use(EventFd.create());
  const signal = MachineSignal.create(eventfd);
  undo.use(
    new FdWatch(eventfd, () => {
      const request = signal.take();
      onEjected(signal.takeEjected());
      onLost(signal.takeLost());
      if (request !== null) onRequest(request);
    }),
  );
  return signal;
}
