/** Snapshots without KVM: what is written, how it is read back, and files that come from anybody. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { GuestMemory } from 'ioregion/memory';
import { VirtualMachine } from 'ioregion/vmm';
import { describe, expect, test } from 'vitest';
import { type MachineShape, OpenSnapshot, placeDevices, writeSnapshot } from '#dist/src/vmm/snapshot/index.js';
import { section } from '#dist/src/vmm/snapshot/sections.js';
import { temporaryDirectory } from '../../support/temporary.js';

const MIB = 2 ** 20;
const directory = temporaryDirectory();
const machine: MachineShape = {
  cpus: 2,
  memory: 64 * MIB,
  serial: true,
  devices: [{ slot: 1, kind: 'blk', queues: 1, configLength: 60 }],
};
const sections = new Map([
  ['board', Uint8Array.of(1, 2, 3)],
  ['empty', new Uint8Array(0)],
  ['vcpu 0 regs', new Uint8Array(144).fill(7)],
]);

const coded = (suffix: string) => expect.objectContaining({ code: `ERR_IOREGION_SNAPSHOT_${suffix}` });
let made = 0;
const fresh = (): string => join(directory, `snapshot-${made++}`);

async function written(path = fresh()): Promise<string> {
  using memory = GuestMemory.create(machine.memory);
  memory.writeU32(0x1000, 0x1234_5678);
  memory.writeU32(63 * MIB + 0x3ffc, 0xffff_ffff);
  await writeSnapshot(path, { machine, sections, memory });
  return path;
}

describe('a snapshot', () => {
  test('holds the memory that was written, the sections, and what the machine is', async () => {
    const path = await written();
    const opened = await OpenSnapshot.open(path);
    using memory = GuestMemory.create(machine.memory);
    await opened.loadMemory(memory);
    await opened.close();
    expect([memory.readU32(0x1000), memory.readU32(63 * MIB + 0x3ffc)]).toEqual([0x1234_5678, 0xffff_ffff]);
    expect(memory.readU32(0x2000)).toBe(0);
    expect(opened.machine).toEqual(machine);
    expect(new Map([...opened.sections].map(([name, bytes]) => [name, Uint8Array.from(bytes)]))).toEqual(sections);
  });

  test('takes no room for memory that was never written, and nobody else may read it', async () => {
    const path = await written();
    const { size, blocks, mode } = statSync(join(path, 'memory.bin'));
    expect([size, blocks * 512 < MIB, mode & 0o077]).toEqual([64 * MIB, true, 0]);
    expect(statSync(path).mode & 0o077).toBe(0);
  });

  test('does not replace anything, and leaves nothing behind where it fails', async () => {
    const path = await written();
    await expect(written(path)).rejects.toThrow(coded('FILE'));
    await expect(written(join(directory, 'missing', 'snapshot'))).rejects.toThrow(coded('FILE'));
    using anonymous = GuestMemory.create(MIB * 64, { backing: 'anonymous' });
    await expect(writeSnapshot(fresh(), { machine, sections, memory: anonymous })).rejects.toThrow(/anonymous memory/);
    expect(readdirSync(directory).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('that is not complete, or whose files are of other kinds, is refused by name', async () => {
    for (const name of ['manifest.json', 'state.bin', 'memory.bin']) {
      const path = await written();
      rmSync(join(path, name));
      await expect(OpenSnapshot.open(path)).rejects.toThrow(`${name} cannot be read`);
      mkdirSync(join(path, name));
      await expect(OpenSnapshot.open(path)).rejects.toThrow(coded('FILE'));
      rmSync(join(path, name), { recursive: true });
      symlinkSync('/dev/zero', join(path, name));
      await expect(OpenSnapshot.open(path)).rejects.toThrow('it is not a file');
    }
  });

  test('whose memory or state has another length is refused', async () => {
    const path = await written();
    truncateSync(join(path, 'memory.bin'), MIB);
    await expect(OpenSnapshot.open(path)).rejects.toThrow(coded('FORMAT'));
    const other = await written();
    truncateSync(join(other, 'state.bin'), 1);
    await expect(OpenSnapshot.open(other)).rejects.toThrow(coded('FORMAT'));
    truncateSync(join(other, 'state.bin'), 2 ** 40);
    await expect(OpenSnapshot.open(other)).rejects.toThrow(/state.bin has \d+ bytes/);
  });

  test.each([
    [{ format: 'qemu' }, 'something else'],
    [{ version: 1 }, 'version 1; this program reads version 2'],
    [{ version: 'x'.repeat(99) }, 'version string;'],
    [{ machine: { ...machine, cpus: 65 } }, 'cpus'],
    [{ machine: { ...machine, memory: 2 ** 50 } }, 'memory'],
    [{ machine: { ...machine, devices: new Array(32).fill(machine.devices[0]) } }, 'slots'],
    [{ machine: { ...machine, devices: [{ ...machine.devices[0], slot: 0 }] } }, 'slot'],
    [{ machine: { ...machine, devices: [{ ...machine.devices[0], slot: 32 }] } }, 'slot'],
    [{ machine: { ...machine, devices: new Array(2).fill(machine.devices[0]) } }, 'slot is not behind the one before'],
    [{ state: { bytes: 147, sha256: '', sections: [] } }, 'SHA-256'],
  ])('whose manifest says %j is refused', async (change, message) => {
    const path = await written();
    const manifest = JSON.parse(readFileSync(join(path, 'manifest.json'), 'utf8'));
    writeFileSync(join(path, 'manifest.json'), JSON.stringify({ ...manifest, ...change }));
    await expect(OpenSnapshot.open(path)).rejects.toThrow(message);
    await expect(OpenSnapshot.open(path)).rejects.toThrow(coded('FORMAT'));
  });

  test('is opened or refused by a coded error, whatever bytes of it are others', async () => {
    const path = await written();
    const manifest = readFileSync(join(path, 'manifest.json'));
    const damage = fc.tuple(
      fc.constantFrom('manifest.json', 'state.bin'),
      fc.nat(4000),
      fc.uint8Array({ maxLength: 4 }),
    );
    const property = fc.asyncProperty(damage, async ([name, at, bytes]) => {
      const copy = fresh();
      cpSync(path, copy, { recursive: true, filter: (source) => !source.endsWith('memory.bin') });
      writeFileSync(join(copy, 'memory.bin'), '');
      truncateSync(join(copy, 'memory.bin'), machine.memory);
      const content = name === 'manifest.json' ? Buffer.from(manifest) : readFileSync(join(copy, name));
      content.set(bytes.subarray(0, Math.max(0, content.length - (at % content.length))), at % content.length);
      writeFileSync(join(copy, name), content);
      try {
        await (await OpenSnapshot.open(copy)).close();
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_IOREGION_(SNAPSHOT_FORMAT|SNAPSHOT_FILE)$/) });
      }
      rmSync(copy, { recursive: true });
    });
    await fc.assert(property, { numRuns: 60 });
  });

  test('without a section, or with one of another length, is refused where that is needed', () => {
    expect(() => section(sections, 'pit')).toThrow(coded('FORMAT'));
    expect(() => section(sections, 'vcpu 0 regs', 145)).toThrow('has 144 bytes, not 145');
    expect(() => section(sections, '__proto__')).toThrow(coded('FORMAT'));
  });
});

describe('the machine of a snapshot', () => {
  const blk = { name: 'blk disk.img', queues: 1, configLength: 60 };
  const own = { ...machine, devices: [blk] };
  test.each([
    [{ cpus: 1 }, 'number of vCPUs 2, this one 1'],
    [{ memory: 32 * MIB }, 'bytes of memory'],
    [{ serial: false }, 'a serial port'],
    [{ devices: [] }, 'number of devices 1, this one 0'],
    [{ devices: [{ ...blk, name: 'net tap0' }] }, 'in slot 1 blk, this one net'],
    [{ devices: [{ ...blk, queues: 2 }] }, 'in slot 1 a number of queues'],
    [{ devices: [{ ...blk, configLength: 1 }] }, 'bytes of configuration'],
  ])('is not one with %j', (change, message) => {
    const here = { ...own, ...change };
    expect(() => placeDevices(machine, here, here.devices)).toThrow(message);
    expect(() => placeDevices(machine, here, here.devices)).toThrow(coded('MACHINE'));
  });

  test('has its devices in the slots that they were in: of each kind the first in the lowest', () => {
    const shape = { queues: 1, configLength: 60 };
    const devices = [
      { slot: 2, kind: 'net', ...shape },
      { slot: 5, kind: 'blk', ...shape },
      { slot: 31, kind: 'blk', ...shape },
    ];
    const specs = ['blk a', 'blk b', 'net t'].map((name) => ({ name, ...shape }));
    const placed = placeDevices({ ...machine, devices }, machine, specs);
    expect([...placed].map(([slot, { name }]) => [slot, name])).toEqual([
      [2, 'net t'],
      [5, 'blk a'],
      [31, 'blk b'],
    ]);
  });

  test('is compared before anything is started', async () => {
    const path = await written();
    const restore = (rest: object) => VirtualMachine.restore(path, { serial: { output: process.stdout }, ...rest });
    await expect(restore({})).rejects.toThrow(coded('MACHINE'));
    await expect(restore({ cpus: 1 })).rejects.toThrow('number of vCPUs');
    await expect(restore({ onReset: 'restart' })).rejects.toThrow('a machine needs a kernel');
    const missing = VirtualMachine.restore(join(directory, 'none'), {});
    await expect(missing).rejects.toThrow(coded('FILE'));
    expect(existsSync(join(directory, 'none'))).toBe(false);
  });

  test('that is off cannot be saved', async () => {
    const off = new VirtualMachine({ kernel: '/nonexistent' });
    await expect(off.snapshot(fresh())).rejects.toMatchObject({ code: 'ERR_IOREGION_MACHINE_STATE' });
  });
});
