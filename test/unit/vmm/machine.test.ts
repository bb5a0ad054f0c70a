/** A machine without KVM: descriptions, how vCPUs end, and what its small devices do. */
import { EventFd } from 'ioregion/native';
import { VirtualMachine } from 'ioregion/vmm';
import { describe, expect, it, vi } from 'vitest';
import type { Vcpu, VcpuExit } from '#dist/src/kvm/index.js';
import { MachineSignal } from '#dist/src/vmm/board/machine-signal.js';
import { vcpuCpuid } from '#dist/src/vmm/cpu/index.js';
import { Cmos } from '#dist/src/vmm/devices/cmos.js';
import { KeyboardController } from '#dist/src/vmm/devices/keyboard-controller.js';
import { PowerManagement } from '#dist/src/vmm/devices/power-management.js';
import { ResetControl } from '#dist/src/vmm/devices/reset-control.js';
import type { MachineEnd } from '#dist/src/vmm/machine/machine-end.js';
import { VcpuLoop } from '#dist/src/vmm/machine/vcpu-loop.js';
import { ExitCounts } from '#dist/src/vmm/metrics/exit-counts.js';

/** A vCPU whose runs end as the test says. */
class ScriptedVcpu {
  readonly id = 0;
  runs = 0;
  kicks = 0;
  settles = 0;
  #finish: ((exit: VcpuExit) => void) | null = null;
  run(): Promise<VcpuExit> {
    this.runs += 1;
    return new Promise((resolve) => {
      this.#finish = resolve;
    });
  }
  settle(): Promise<VcpuExit> {
    this.settles += 1;
    return Promise.resolve(this.settles === 1 ? { reason: 'KVM_EXIT_INTR' } : { reason: 'settled' });
  }
  readonly asked: unknown[] = [];
  async ask(question: unknown): Promise<unknown> {
    if (this.#finish !== null) throw new Error('the guest runs');
    this.asked.push(question);
    if (question === 'fail') throw new Error('no answer');
    return question;
  }
  leave(exit: VcpuExit): void {
    this.#finish?.(exit);
    this.#finish = null;
  }
  kick(): boolean {
    this.kicks += 1;
    this.leave({ reason: 'interrupted' });
    return true;
  }
  readonly state = { regs: () => ({ rip: 0x1000n }), sregs: () => ({ cs: { selector: 8 }, cr0: 0x11n }) };
  async close(): Promise<void> {
    this.leave({ reason: 'interrupted' });
  }
}

function loop() {
  const vcpu = new ScriptedVcpu();
  const ends: MachineEnd[] = [];
  const counts = new ExitCounts();
  const running = new VcpuLoop(
    vcpu as unknown as Vcpu,
    ({ reason }) => counts.count(reason),
    (end) => ends.push(end),
  );
  running.start();
  return { vcpu, ends, counts, running };
}

describe('the loop of a vCPU', () => {
  it('goes on after accesses that nobody takes, and counts them', async () => {
    const { vcpu, ends, counts } = loop();
    const io = { reason: 'KVM_EXIT_IO', isWrite: true, size: 1, port: 1, count: 1, data: new Uint8Array(1) } as const;
    vcpu.leave(io);
    await vi.waitFor(() => expect(vcpu.runs).toBe(2));
    expect(ends).toEqual([]);
    expect(counts.toJSON()).toEqual({ KVM_EXIT_IO: 1 });
  });

  it('names the bytes of an instruction that KVM cannot emulate', async () => {
    const { vcpu, ends } = loop();
    vcpu.leave({
      reason: 'KVM_EXIT_INTERNAL_ERROR',
      suberror: 1,
      suberrorName: 'KVM_INTERNAL_ERROR_EMULATION',
      data: [],
      instruction: Uint8Array.of(0x0f, 0xc7, 0x27),
    });
    await vi.waitFor(() => expect(ends).toHaveLength(1));
    expect(ends[0]).toMatchObject({
      reason: 'failed',
      error: {
        code: 'ERR_IOREGION_GUEST_STOPPED',
        message:
          'vCPU 0 stopped: KVM_EXIT_INTERNAL_ERROR: KVM_INTERNAL_ERROR_EMULATION, the emulator gave up on 0f c7 27; rip 0x1000, cs 0x8, cr0 0x11',
      },
    });
    expect(vcpu.runs).toBe(1);
  });

  it('says which vCPU met a triple fault', async () => {
    const { vcpu, ends } = loop();
    vcpu.leave({ reason: 'KVM_EXIT_SHUTDOWN' });
    await vi.waitFor(() => expect(ends).toEqual([{ reason: 'triple-fault', vcpu: 0 }]));
  });

  it('ends the access under way when it is paused, and stays out of the guest', async () => {
    const { vcpu, running } = loop();
    await running.pause();
    expect([vcpu.kicks, vcpu.runs, vcpu.settles]).toEqual([1, 1, 2]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(vcpu.runs).toBe(1);
    running.resume();
    await vi.waitFor(() => expect(vcpu.runs).toBe(2));
    await running.close();
  });

  it('asks the board between two runs, and while it is paused', async () => {
    const { vcpu, running } = loop();
    expect(await Promise.all([running.ask(1), running.ask(2)])).toEqual([1, 2]);
    await expect(running.ask('fail')).rejects.toThrow('no answer');
    const before = vcpu.runs;
    await running.pause();
    expect(await running.ask(3)).toBe(3);
    expect(vcpu.runs).toBeLessThanOrEqual(before + 1);
    running.resume();
    await vi.waitFor(() => expect(vcpu.runs).toBeGreaterThan(before));
    await running.close();
    await expect(running.ask(4)).rejects.toMatchObject({ code: 'ERR_IOREGION_VCPU_CLOSED' });
    expect(vcpu.asked).toEqual([1, 2, 'fail', 3]);
  });

  it('can be closed while it is paused', async () => {
    const { vcpu, running, ends } = loop();
    await running.pause();
    await running.close();
    expect([vcpu.runs, ends]).toEqual([1, []]);
  });
});

describe('a machine', () => {
  const kernel = '/nonexistent/kernel';

  it.each([
    [{ kernel: '' }, 'a machine needs a kernel'],
    [{ kernel, cpus: 0 }, 'cpus must be 1 to 64'],
    [{ kernel, cpus: 1.5 }, 'cpus must be 1 to 64'],
    [{ kernel, memory: 4097 * 1024 + 1 }, 'memory must be whole pages'],
    [{ kernel, memory: 4096 }, 'more than 1 MiB'],
    [{ kernel, memory: Number.NaN }, 'memory must be'],
    [{ kernel, disks: [{ path: 'x', attach: 'moon' as 'inline' }] }, 'attach is inline, thread, process'],
    [{ kernel, disks: [{ path: 'x', attach: 'vhost-user:' as const }] }, 'attach is inline, thread, process'],
    [{ kernel, nets: [{ tap: 'x', attach: 'vhost-user:y' as const }] }, 'net x cannot have a vhost-user backend'],
    [{ kernel, rng: { attach: 'vhost-user:y' as const } }, 'rng rng cannot have a vhost-user backend'],
    [{ kernel, disks: [{ path: 'x', id: '' }] }, 'no two devices have the same id'],
    [{ kernel, disks: [{ path: 'x', id: 'a' }], rng: { id: 'a' } }, 'no two devices have the same id'],
  ])('is not made from a description that is wrong (%#)', (description, message) => {
    expect(() => new VirtualMachine(description)).toThrow(message);
    expect(() => new VirtualMachine(description)).toThrow(expect.objectContaining({ code: 'ERR_IOREGION_MACHINE' }));
  });

  it('that cannot start is off, and can be started again', async () => {
    const machine = new VirtualMachine({ kernel });
    for (let round = 0; round < 2; round++) {
      await expect(machine.start()).rejects.toMatchObject({ code: 'ERR_IOREGION_VMM_FILE' });
      expect(machine.state).toBe('off');
    }
  });

  it('that is off neither pauses nor resets nor hears its power button, but may be stopped', async () => {
    const machine = new VirtualMachine({ kernel });
    await expect(machine.pause()).rejects.toMatchObject({ code: 'ERR_IOREGION_MACHINE_STATE' });
    await expect(machine.reset()).rejects.toMatchObject({ code: 'ERR_IOREGION_MACHINE_STATE' });
    expect(() => machine.resume()).toThrow('the machine is off');
    expect(() => machine.pressPowerButton()).toThrow('the machine is off');
    await expect(machine.plug({ rng: true })).rejects.toMatchObject({ code: 'ERR_IOREGION_MACHINE_STATE' });
    await expect(machine.unplug('rng rng')).rejects.toMatchObject({ code: 'ERR_IOREGION_MACHINE_STATE' });
    await machine.stop();
  });

  it('does not start with a signal that has aborted', async () => {
    await expect(new VirtualMachine({ kernel }).start({ signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  });
});

describe('the devices of the board', () => {
  it('tell the machine the first request of the guest only', () => {
    using eventfd = EventFd.create();
    const owner = MachineSignal.create(eventfd);
    const device = MachineSignal.open(owner.share());
    device.post('debug-exit', 7);
    device.post('reset');
    expect(owner.take()).toEqual({ kind: 'debug-exit', code: 7 });
    expect(owner.take()).toBeNull();
    device.post('power-off');
    expect(owner.take()).toEqual({ kind: 'power-off' });
  });

  it('reset by the keyboard controller and by the reset register, and by nothing else', () => {
    const onReset = vi.fn();
    const keyboard = new KeyboardController(onReset);
    keyboard.write(0, 1, 0xd1);
    expect(keyboard.read() & 2).toBe(0);
    const control = new ResetControl(onReset);
    control.write(0, 1, 2);
    control.write(0, 4, 6);
    expect(onReset).not.toHaveBeenCalled();
    keyboard.write(0, 1, 0xfe);
    control.write(0, 1, 6);
    expect(onReset).toHaveBeenCalledTimes(2);
  });

  it('switch off by the sleep type of S5 only', () => {
    const onPowerOff = vi.fn();
    const power = new PowerManagement({ line: { set: () => {} }, onPowerOff });
    power.write(4, 2, (1 << 13) | (3 << 10));
    power.write(4, 2, 5 << 10);
    expect(onPowerOff).not.toHaveBeenCalled();
    power.write(4, 2, (1 << 13) | (5 << 10));
    expect(onPowerOff).toHaveBeenCalledTimes(1);
    expect(power.read(4, 2) & 1).toBe(1);
  });

  it('interrupt for the power button while that is enabled, until it is acknowledged', () => {
    const levels: boolean[] = [];
    const power = new PowerManagement({ line: { set: (high) => levels.push(high) }, onPowerOff: () => {} });
    const sameDevice = new PowerManagement({
      line: { set: (high) => levels.push(high) },
      onPowerOff: () => {},
      words: power.words,
    });
    sameDevice.pressPowerButton();
    expect(levels).toEqual([]);
    power.write(2, 2, 0x0100);
    expect(power.read(0, 2)).toBe(0x0100);
    power.write(0, 2, 0x0100);
    expect(levels).toEqual([true, false]);
  });

  it('count time at 3.579545 MHz in 24 bits', () => {
    let now = 1000;
    const power = new PowerManagement({ line: { set: () => {} }, onPowerOff: () => {}, now: () => now });
    expect(power.read(8, 4)).toBe(3_579_545);
    now = 1e9;
    expect(power.read(8, 4)).toBe(Math.floor(3_579_545e6) % 2 ** 24);
  });

  it('tell the time in BCD, UTC', () => {
    const cmos = new Cmos(() => new Date('2026-11-29T21:45:06Z'));
    const register = (index: number): number => {
      cmos.write(0, 1, index);
      return cmos.read(1, 1);
    };
    expect([0x00, 0x02, 0x04, 0x07, 0x08, 0x09, 0x32].map(register)).toEqual([
      0x06, 0x45, 0x21, 0x29, 0x11, 0x26, 0x20,
    ]);
    expect([register(0x0a) & 0x80, register(0x0b) & 6, register(0x0d)]).toEqual([0, 2, 0x80]);
  });
});

describe('CPUID of a vCPU', () => {
  const leaf = (fn: number, index: number, rest = {}) => {
    return { function: fn, index, flags: 0, eax: 0, ebx: 0, ecx: 0, edx: 0, ...rest };
  };
  const supported = [
    leaf(0, 0, { eax: 0x16 }),
    leaf(1, 0, { ebx: 0xff00_0800, ecx: 1 << 24 }),
    leaf(0xb, 0),
    leaf(0xb, 1),
    leaf(0x1f, 0),
  ];
  const of = (index: number, count: number) => vcpuCpuid(supported, { index, count, tscDeadline: false });

  it('has its APIC ID in each place', () => {
    const leaves = of(3, 4);
    const basic = leaves.find((one) => one.function === 1)!;
    expect([basic.ebx >>> 24, (basic.ebx >>> 16) & 0xff, basic.ebx & 0xffff]).toEqual([3, 4, 0x0800]);
    expect([basic.ecx >>> 31, (basic.ecx >>> 24) & 1]).toEqual([1, 0]);
    const topology = leaves.filter((one) => one.function === 0xb);
    expect(topology.map(({ edx }) => edx)).toEqual([3, 3, 3]);
    expect(topology.map(({ eax, ebx, ecx }) => [eax, ebx, ecx])).toEqual([
      [0, 1, 0x100],
      [2, 4, 0x201],
      [0, 0, 2],
    ]);
  });

  it('has each leaf once, and no other topology', () => {
    const keys = of(0, 2).map(({ function: fn, index }) => `${fn}.${index}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys).not.toContain(`${0x1f}.0`);
  });
});
