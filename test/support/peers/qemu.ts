/** QEMU without KVM, booting the Debian cloud kernel into a test: the vhost-user frontend of most users. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { file, program, type Requirement } from '../requirements.js';
import { cloudKernel, findCloudKernel } from './debian-kernel.js';
import { GuestConsole } from './guest-console.js';
import { buildInitramfs } from './initramfs.js';
import { PeerProcess } from './peer-process.js';
import { Qmp } from './qmp.js';
import { until } from './until.js';

const QEMU = 'qemu-system-x86_64';
const DEFAULT_MEMORY = '256M';
const VIRTIO_MODULES = ['virtio_pci', 'virtio_blk', 'virtio_net', 'virtio_rng'];
/** Of errors that a test counts the guest's own look at its kernel log tells; a panic is printed anyway. */
const KERNEL_COMMAND_LINE = 'console=ttyS0 quiet loglevel=1 panic=-1';

/** What a guest under QEMU needs. */
export const qemuGuests: readonly Requirement[] = [program(QEMU), cloudKernel, file('/bin/busybox')];

export interface QemuOptions {
  /** Of test/support/peers/guest/. */
  readonly script: string;
  /** QEMU's own arguments: devices. */
  readonly args: readonly string[];
  /** For the script, as variables. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly programs?: Readonly<Record<string, string>>;
  readonly kernelArgs?: string;
  readonly machine?: string;
  readonly cpus?: number;
  readonly memory?: string;
  readonly limitMs?: number;
}

/** Arguments for a vhost-user device: a socket that QEMU connects to, again and again where that ends, and the device. */
export function vhostUserDevice(id: string, socket: string, device: string): string[] {
  return ['-chardev', `socket,id=${id},path=${socket},reconnect=1`, '-device', `${device},chardev=${id}`];
}

function machineArgs({ machine = 'q35', cpus = 1, memory = DEFAULT_MEMORY }: QemuOptions): string[] {
  return [
    ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', String(cpus), '-m', memory],
    ...['-object', `memory-backend-memfd,id=memory,size=${memory},share=on`],
    ...['-machine', `${machine},memory-backend=memory`],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'],
  ];
}

function bootArgs({ script, programs = {}, settings = {}, kernelArgs = '' }: QemuOptions): string[] {
  const { image, modulesFolder } = findCloudKernel()!;
  const initramfs = buildInitramfs({ modulesFolder, modules: VIRTIO_MODULES, script, programs });
  const variables = Object.entries(settings).map(([name, value]) => `test.${name}=${value}`);
  const append = [KERNEL_COMMAND_LINE, kernelArgs, ...variables].join(' ');
  return ['-kernel', image, '-initrd', initramfs, '-append', append];
}

export class QemuGuest {
  readonly process: PeerProcess;
  readonly console: GuestConsole;
  readonly #folder = mkdtempSync(join(tmpdir(), 'ioregion-qemu-'));

  constructor(options: QemuOptions) {
    const qmp = ['-qmp', `unix:${this.#qmpPath},server=on,wait=off`];
    const args = [...machineArgs(options), ...qmp, ...bootArgs(options), ...options.args];
    const { limitMs } = options;
    this.process = new PeerProcess(QEMU, args, limitMs === undefined ? {} : { limitMs });
    this.console = new GuestConsole(this.process, this.process.child.stdout!);
    this.process.exited.finally(() => rmSync(this.#folder, { recursive: true, force: true })).catch(() => {});
  }

  get #qmpPath(): string {
    return join(this.#folder, 'qmp');
  }

  /** Its control socket. */
  async qmp(): Promise<Qmp> {
    await until(() => existsSync(this.#qmpPath));
    return await Qmp.connect(this.#qmpPath);
  }
}
