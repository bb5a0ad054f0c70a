/** User-Mode Linux, Debian's binary: a frontend that notifies in-band, without KVM and root. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { file, type Requirement } from '../requirements.js';
import { guestArgs } from './guest-args.js';
import { GuestConsole } from './guest-console.js';
import { preloadedLibrary } from './guest-program.js';
import { buildInitramfs } from './initramfs.js';
import { PeerProcess } from './peer-process.js';

const LINUX = '/usr/bin/linux.uml';
const MODULES = '/usr/lib/uml/modules';
const VIRTIO_MODULES = ['virtio_blk', 'virtio_net', 'virtio_console'];
const MEMORY = '64M';

/** What a guest of User-Mode Linux needs: user-mode-linux, busybox-static. */
export const umlGuests: readonly Requirement[] = [file(LINUX), file(MODULES), file('/bin/busybox')];

export interface UmlDevice {
  readonly socket: string;
  /** DeviceType. */
  readonly type: number;
}

export interface UmlOptions {
  /** What the guest does: scripts of `guest/`, one after the other. */
  readonly parts: readonly string[];
  readonly devices: readonly UmlDevice[];
  readonly settings?: Readonly<Record<string, string>>;
  readonly programs?: Readonly<Record<string, string>>;
  readonly limitMs?: number;
}

function modulesFolder(): string {
  return join(MODULES, readdirSync(MODULES).sort().at(-1)!);
}

function commandLine({ parts, devices, settings = {}, programs = {} }: UmlOptions): string[] {
  const initramfs = buildInitramfs({ modulesFolder: modulesFolder(), modules: VIRTIO_MODULES, programs });
  return [
    ...[
      `mem=${MEMORY}`,
      `initrd=${initramfs}`,
      'rdinit=/init.sh',
      'con=null',
      'con0=null,fd:1',
      'quiet',
      'loglevel=1',
      'panic=-1',
    ],
    ...devices.map(({ socket, type }) => `virtio_uml.device=${socket}:${type}`),
    ...guestArgs(parts, settings),
  ];
}

export class UmlGuest {
  readonly process: PeerProcess;
  readonly console: GuestConsole;

  constructor(options: UmlOptions) {
    const env = { LD_PRELOAD: preloadedLibrary('peers/uml-xstate') };
    const { limitMs } = options;
    this.process = new PeerProcess(LINUX, commandLine(options), limitMs === undefined ? { env } : { env, limitMs });
    this.process.child.stdin!.end();
    this.console = new GuestConsole(this.process, this.process.child.stdout!);
  }
}
