/** A kernel of a few instructions that counts on the serial port, and shows each number that is lost or repeated. */
import { writeFileSync } from 'node:fs';
import { elf } from '../unit/vmm/kernel-files.js';

const little = (value: number, size: number): number[] => {
  return Array.from({ length: size }, (_, index) => Math.floor(value / 2 ** (8 * index)) % 256);
};
const movDx = (port: number): number[] => [0x66, 0xba, ...little(port, 2)];
const store = (address: number, value: number): number[] => [0xc7, 0x05, ...little(address, 4), ...little(value, 4)];
const IN_AL_DX = [0xec];
const OUT_DX_AL = [0xee];

/** Where the second vCPU starts, what it counts in (EBX's partner), and the local APIC's command register. */
const AP_CODE = 0x8000;
const AP_COUNTER = 0x9000;
const ICR = 0xfee0_0300;
const INIT_OTHERS = 0xc4500;
const START_OTHERS = 0xc4600;

/** In real mode: `inc word [0x9000]`, again and again. */
const AP_LOOP = [0xff, 0x06, ...little(AP_COUNTER, 2), 0xeb, 0xfa];

const startOther = (): number[] => {
  const words = [AP_LOOP.slice(0, 4), [...AP_LOOP.slice(4), 0, 0]].map((bytes) =>
    bytes.reduceRight((word, byte) => word * 256 + byte, 0),
  );
  const copies = words.flatMap((word, index) => store(AP_CODE + 4 * index, word));
  return [...copies, ...store(ICR, INIT_OTHERS), ...store(ICR, START_OTHERS + AP_CODE / 4096)];
};

/** Until the other vCPU has counted on: `mov eax,[counter]; cmp eax,esi; je`, then `mov esi,eax`. */
const awaitOther = [0xa1, ...little(AP_COUNTER, 4), 0x39, 0xf0, 0x74, 0xf7, 0x89, 0xc6];
/** Until there is room: `in al,dx; test al,0x20; jz`. */
const awaitRoom = [...movDx(0x3fd), ...IN_AL_DX, 0xa8, 0x20, 0x74, 0xfb];
/** `inc ebx`, then a character of it from `@` on. */
const character = [0x43, 0x88, 0xd8, 0x24, 0x3f, 0x0c, 0x40];
const say = [...movDx(0x3f8), ...OUT_DX_AL];

/** With two vCPUs each number waits until the other one has counted too. */
export function writeCountingKernel(path: string, cpus: number): void {
  const loop = [...(cpus === 1 ? [] : awaitOther), ...awaitRoom, ...character, ...say];
  const code = [...(cpus === 1 ? [] : startOther()), ...loop];
  writeFileSync(path, elf({ code: [...code, 0xeb, 0x100 - loop.length - 2] }));
}

/** How many characters there are before one that does not follow the one before; all of them where each does. */
export function countedInOrder(text: string): number {
  const codes = [...text].map((one) => one.charCodeAt(0) - 0x40);
  const wrong = codes.findIndex((code, index) => index > 0 && code !== (codes[index - 1]! + 1) % 64);
  return wrong === -1 ? codes.length : wrong;
}
