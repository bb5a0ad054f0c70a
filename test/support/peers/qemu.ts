/** QEMU without KVM, booting the Debian cloud kernel into a test: the vhost-user frontend of most users. */
import { existsSync } from 'node:fs';
import { file, program, type Requirement } from '../requirements.js';
import { cloudKernel, findCloudKernel } from './debian-kernel.js';
import { guestArgs } from './guest-args.js';
import { GuestConsole } from './guest-console.js';
import { buildInitramfs } from './initramfs.js';
import { PeerProcess } from './peer-process.js';
import { Qmp } from './qmp.js';
import { until } from './until.js';

const QEMU = 'qemu-system-x86_64';
const DEFAULT_MEMORY = '256M';
const VIRTIO_MODULES = ['virtio_pci', 'virtio_blk', 'virtio_net', 'virtio_rng'];
/** Of errors that a test counts the guest's own look at its kernel log tells; a panic is printed anyway. */
const KERNEL_COMMAND_LINE = 'rdinit=/init.sh console=ttyS0 quiet loglevel=1 panic=-1';

/** What a guest under QEMU needs. */
export const qemuGuests: readonly Requirement[] = [program(QEMU), cloudKernel, file('/bin/busybox')];

export interface QemuOptions {
  /** What the guest does: scripts of `guest/`, one after the other. */
  readonly parts: readonly string[];
  /** QEMU's own arguments: devices. */
  readonly args: readonly string[];
  /** For the script, as variables. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly programs?: Readonly<Record<string, string>>;
  readonly cpus?: number;
  /** DMA of devices with `iommu_platform=on,ats=on` goes through an IOMMU, which translates for each what its driver has mapped. */
  readonly iommu?: boolean;
  readonly memory?: string;
  readonly limitMs?: number;
  /** Where its control socket is to be: QMP. */
  readonly control?: string;
  /** The guest comes by migration, from this socket. */
  readonly incoming?: string;
}

/** A vhost-user device and the socket of its backend, which has to be there when QEMU starts. */
export function vhostUserDevice(id: string, socket: string, device: string): string[] {
  return ['-chardev', `socket,id=${id},path=${socket}`, '-device', `${device},chardev=${id}`];
}

/** A disk whose backend may go away and come back. Other devices of QEMU 7.2 cannot. */
export function reconnectingDisk(id: string, socket: string, options: string): string[] {
  const chardev = `socket,id=${id},path=${socket},reconnect=1`;
  return ['-chardev', chardev, '-device', `vhost-user-blk-pci,chardev=${id},${options}`];
}

/** A network card. Without MSI-X: with it QEMU 7.2 under TCG ends when the driver sets its interrupts up. */
export function networkCard(id: string, socket: string, options = ''): string[] {
  return [
    ...['-chardev', `socket,id=${id},path=${socket}`, '-netdev', `vhost-user,id=${id}-net,chardev=${id}`],
    ...['-device', `virtio-net-pci,netdev=${id}-net,vectors=0${options}`],
  ];
}

function machineArgs({ cpus = 1, memory = DEFAULT_MEMORY, iommu = false }: QemuOptions): string[] {
  return [
    ...(iommu ? ['-device', 'intel-iommu,device-iotlb=on'] : []),
    ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', String(cpus), '-m', memory],
    ...['-object', `memory-backend-memfd,id=memory,size=${memory},share=on`],
    ...['-machine', 'q35,memory-backend=memory'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'],
  ];
}

function controlArgs({ control, incoming }: QemuOptions): string[] {
  return [
    ...(control === undefined ? [] : ['-qmp', `unix:${control},server=on,wait=off`]),
    ...(incoming === undefined ? [] : ['-incoming', `unix:${incoming}`]),
  ];
}

function bootArgs({ parts, programs = {}, settings = {}, iommu = false }: QemuOptions): string[] {
  const { image, modulesFolder } = findCloudKernel()!;
  const initramfs = buildInitramfs({ modulesFolder, modules: VIRTIO_MODULES, programs });
  const append = [
    KERNEL_COMMAND_LINE,
    // Strict: QEMU 7.2 passes on what is taken back page by page, and not the flush of a whole domain.
    ...(iommu ? ['intel_iommu=on iommu.strict=1 no_timer_check'] : []),
    ...guestArgs(parts, settings),
  ].join(' ');
  return ['-kernel', image, '-initrd', initramfs, '-append', append];
}

export class QemuGuest {
  readonly process: PeerProcess;
  readonly console: GuestConsole;
  readonly #control: string | undefined;

  constructor(options: QemuOptions) {
    const args = [...machineArgs(options), ...bootArgs(options), ...controlArgs(options), ...options.args];
    const { limitMs, control } = options;
    this.#control = control;
    this.process = new PeerProcess(QEMU, args, limitMs === undefined ? {} : { limitMs });
    this.console = new GuestConsole(this.process, this.process.child.stdout!);
  }

  /** Its control socket. */
  async qmp(): Promise<Qmp> {
    const path = this.#control!;
    await until(() => existsSync(path));
    return await Qmp.connect(path);
  }
}
