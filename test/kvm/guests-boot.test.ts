/** Guests booted by this package's own KVM layer, with lists and parameters written from TypeScript. */

import type { RunPage } from 'ioregion/kvm';
import { expect, it } from 'vitest';
import {
  convertSamples,
  enterGuest,
  GUEST_MODES,
  type GuestMode,
  type GuestName,
  installGuest,
  LAYOUT,
  loadGuest,
  mmioRead,
  mmioWrite,
  type Op,
  pioRead,
  pioWrite,
  readBenchCheck,
  readOpResult,
  stringCopy,
  stringIn,
  stringOut,
  writeBenchParameters,
  writeOplist,
} from '#dist/guests/index.js';
import { describeWhere, kvmDevice } from '../support/require.js';
import { type TinyGuest, tinyGuest } from '../support/tiny-guest.js';

const PARAMETERS = 0x20000;
const BUFFER = 0x30000;
/** Behind the megabyte of memory. */
const MMIO = 0x4000_0000;
const PORT = 0x510;
const MAX_EXITS = 1000;

async function boot(name: GuestName, mode: GuestMode): Promise<TinyGuest> {
  const guest = await loadGuest(name, mode);
  return tinyGuest([], {
    boot: (vcpu, memory) => {
      installGuest(memory, guest);
      enterGuest(vcpu, { mode, parameters: PARAMETERS });
    },
  });
}

/** Describes an MMIO exit and answers a read. */
function serveMmio({ mmio }: RunPage, answer: number): string {
  const offset = (mmio.address - MMIO).toString(16);
  if (mmio.isWrite) return `write ${mmio.size} at ${offset}: ${mmio.high.toString(16)} ${mmio.low.toString(16)}`;
  mmio.value = answer;
  return `read ${mmio.size} at ${offset}`;
}

/** The same for each element of a port exit. */
function servePort({ io }: RunPage, answer: number): string[] {
  return Array.from({ length: io.count }, (_, index) => {
    if (io.isWrite) return `out ${io.size} to ${io.port - PORT}: ${io.value(index)}`;
    io.setValue(answer, index);
    return `in ${io.size} from ${io.port - PORT}`;
  });
}

/** Runs to the guest's end; describes every exit, and answers reads with `answer`. */
function runToEnd({ run, page }: TinyGuest, answer: number): string[] {
  const seen: string[] = [];
  while (seen.length < MAX_EXITS) {
    run();
    if (page.exitName === 'KVM_EXIT_MMIO') {
      seen.push(serveMmio(page, answer));
      continue;
    }
    expect(page.exitName).toBe('KVM_EXIT_IO');
    if (page.io.port === LAYOUT.GUEST_EXIT_PORT) {
      expect(page.io.value()).toBe(LAYOUT.GUEST_STATUS_OK);
      return seen;
    }
    seen.push(...servePort(page, answer));
  }
  throw new Error('the guest does not end');
}

describeWhere([kvmDevice], 'a guest booted from TypeScript', () => {
  it.each(GUEST_MODES)('performs the operations of a list, in %s mode', async (mode) => {
    using guest = await boot('oplist', mode);
    const ops: Op[] = [
      mmioRead(MMIO + 4, 4, { count: 3, addressStep: 4 }),
      mmioWrite(MMIO, 8, 0x1111_1111_2222_2222n),
      mmioWrite(BUFFER, 2, 0x0605),
      pioWrite(PORT, 1, 9),
      pioRead(PORT + 2, 2),
      stringOut(PORT, 1, BUFFER, 2),
      stringIn(PORT, 4, BUFFER + 8, 3),
      stringCopy(MMIO + 0x10, BUFFER + 8, 4, 2),
    ];
    writeOplist(guest.memory, PARAMETERS, ops);
    expect(runToEnd(guest, 0x8001)).toEqual([
      ...['read 4 at 4', 'read 4 at 8', 'read 4 at c', 'write 8 at 0: 11111111 22222222'],
      ...[
        'out 1 to 0: 9',
        'in 2 from 2',
        'out 1 to 0: 5',
        'out 1 to 0: 6',
        'in 4 from 0',
        'in 4 from 0',
        'in 4 from 0',
      ],
      ...['write 4 at 10: 0 8001', 'write 4 at 14: 0 8001'],
    ]);
    expect(readOpResult(guest.memory, PARAMETERS, 0)).toEqual({ value: 0x8001n, high: 0n, sum: 3n * 0x8001n });
    expect(readOpResult(guest.memory, PARAMETERS, 4).value).toBe(0x8001n);
  });

  it('times a batch and starts over for the next', async () => {
    using guest = await boot('bench', 'protected');
    const samples = new Uint32Array(20);
    for (const [batch, kind] of (['mmio-read', 'mmio-write'] as const).entries()) {
      writeBenchParameters(guest.memory, PARAMETERS, { kind, width: 4, address: MMIO, count: 10, samples: BUFFER });
      expect(runToEnd(guest, 7)).toHaveLength(10);
      expect(readBenchCheck(guest.memory, PARAMETERS)).toBe(kind === 'mmio-read' ? 70 : 0);
      expect(convertSamples(guest.memory, BUFFER, 10, guest.state.tscKhz(), samples, batch * 10)).toBe(batch * 10 + 10);
    }
    expect(Math.min(...samples)).toBeGreaterThan(100);
    expect(Math.max(...samples)).toBeLessThan(1e9);
  });
});
