/** Machines whose kernel is a handful of instructions: what reaches them, and how they end. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { type MachineDescription, VirtualMachine } from 'ioregion/vmm';
import { afterAll, expect, it, vi } from 'vitest';
import { describeWhere, kvmDevice } from '../support/require.js';
import { elf } from '../unit/vmm/kernel-files.js';

const directory = mkdtempSync(join(tmpdir(), 'ioregion-vmm-'));
afterAll(() => rmSync(directory, { recursive: true }));

const little = (value: number, size: number): number[] => {
  return Array.from({ length: size }, (_, index) => Math.floor(value / 2 ** (8 * index)) % 256);
};
const movEax = (value: number): number[] => [0xb8, ...little(value, 4)];
const movDx = (port: number): number[] => [0x66, 0xba, ...little(port, 2)];
const OUT_DX_AL = [0xee];
const OUT_DX_AX = [0x66, 0xef];
const OUT_DX_EAX = [0xef];
const IN_EAX_DX = [0xed];
const FOREVER = [0xeb, 0xfe];
/** Ends the machine with EAX as its code; the guest waits for that. */
const EXIT = [0xe7, 0xf4, ...FOREVER];
/** An invalid opcode without a table of interrupts; KVM's emulator, which runs some hosts' guests, knows no INT in this mode. */
const TRIPLE_FAULT = [0x0f, 0x01, 0x1d, ...little(0x8_0000, 4), 0x0f, 0x0b];

let files = 0;
function machine(code: readonly number[], rest: Partial<MachineDescription> = {}): VirtualMachine {
  const kernel = join(directory, `kernel-${files++}`);
  writeFileSync(kernel, elf({ code }));
  return new VirtualMachine({ kernel, memory: 32 * 2 ** 20, ...rest });
}

async function run(code: readonly number[], rest: Partial<MachineDescription> = {}) {
  const made = machine(code, rest);
  await made.start();
  return await made.ended;
}

describeWhere([kvmDevice], 'a machine', () => {
  it('hands on what its guest writes to the debug exit port', async () => {
    expect(await run([...movEax(0x1234), ...EXIT])).toEqual({ reason: 'debug-exit', code: 0x1234 });
  });

  it('of two vCPUs has its board on a thread: a PCI host bridge, found by ports', async () => {
    const readConfig = [...movEax(0x8000_0000), ...movDx(0xcf8), ...OUT_DX_EAX, ...movDx(0xcfc), ...IN_EAX_DX];
    expect(await run([...readConfig, ...EXIT], { cpus: 2 })).toEqual({ reason: 'debug-exit', code: 0x0008_1b36 });
  });

  it('lets accesses that no device takes read as all ones, counts them, and tells those who listen', async () => {
    const made = machine([0xa1, ...little(0xf000_0000, 4), ...EXIT]);
    const told: unknown[] = [];
    made.on('exit', (exit, vcpu) => void told.push([exit.reason, vcpu]));
    made.on('state', (state) => void told.push(state));
    made.on('end', ({ reason }) => void told.push(reason));
    await made.start();
    expect(await made.ended).toEqual({ reason: 'debug-exit', code: 0xffff_ffff });
    expect(made.metrics()).toMatchObject({
      exits: { KVM_EXIT_MMIO: 1 },
      regions: { 'debug-exit': { reads: 0, writes: 1 } },
    });
    const all = ['starting', 'running', ['KVM_EXIT_MMIO', 0], 'stopping', 'off', 'debug-exit'];
    await vi.waitFor(() => expect(told).toEqual(all));
  });

  it('passes on what its guest says on the serial port before it ends', async () => {
    const output = new PassThrough();
    const say = (text: string) =>
      [...text].flatMap((one) => [...movEax(one.charCodeAt(0)), ...movDx(0x3f8), ...OUT_DX_AL]);
    await run([...say('hello'), ...EXIT], { serial: { output } });
    expect(String(output.read())).toBe('hello');
  });

  it('switches off by ACPI', async () => {
    expect(await run([...movEax(0x3400), ...movDx(0x604), ...OUT_DX_AX, ...FOREVER])).toEqual({ reason: 'power-off' });
  });

  it('ends with a reset of its guest by the keyboard controller', async () => {
    expect(await run([...movEax(0xfe), ...movDx(0x64), ...OUT_DX_AL, ...FOREVER])).toEqual({ reason: 'reset' });
  });

  it('says that its guest met a triple fault', async () => {
    expect(await run(TRIPLE_FAULT)).toEqual({ reason: 'triple-fault', vcpu: 0 });
  });

  it('starts anew with a reset of its guest, where it is told to', async () => {
    const output = new PassThrough();
    const said: number[] = [];
    output.on('data', (data: Uint8Array) => said.push(...data));
    const code = [...movEax(0x41), ...movDx(0x3f8), ...OUT_DX_AL, ...movEax(0xfe), ...movDx(0x64), ...OUT_DX_AL];
    const made = machine([...code, ...FOREVER], { serial: { output }, onReset: 'restart' });
    await made.start();
    await vi.waitFor(() => expect(said.length).toBeGreaterThanOrEqual(2), { timeout: 60_000 });
    await made.stop();
    expect(await made.ended).toEqual({ reason: 'stopped' });
  });

  it.each([1, 2])('of %d vCPU(s) pauses, goes on, is reset and stops, whatever its guest does', async (cpus) => {
    const made = machine(FOREVER, { cpus });
    await made.start();
    await made.pause();
    expect(made.state).toBe('paused');
    made.resume();
    await made.reset();
    expect(made.state).toBe('running');
    await made.pause();
    await made.stop();
    expect([made.state, await made.ended]).toEqual(['off', { reason: 'stopped' }]);
  });

  it('stops when its signal aborts, also while it starts', async () => {
    const abort = new AbortController();
    const made = machine(FOREVER);
    const started = made.start({ signal: abort.signal });
    abort.abort();
    await started;
    expect([made.state, await made.ended]).toEqual(['off', { reason: 'stopped' }]);
  });

  it('shares nothing with another one in the same process', async () => {
    const [one, two] = [machine([...movEax(1), ...EXIT]), machine([...movEax(2), ...EXIT], { cpus: 2 })];
    await Promise.all([one.start(), two.start()]);
    expect(await Promise.all([one.ended, two.ended])).toMatchObject([{ code: 1 }, { code: 2 }]);
  });
});
