/**
 * The counter device in a process of its own. It is killed in between: the region's policy asks for another process,
 * and the access that met the dead one is sent again. The new device counts from zero.
 *
 *     node dist/examples/other-process.js
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { DevicePort, NativeDispatcher, type OwnedChannel } from 'ioregion/ioregion';
import { enterProtectedMode, Kvm, Vcpu } from 'ioregion/kvm';
import { GuestMemory } from 'ioregion/memory';

// start: mov [0xd0000008], eax   mov eax, [0xd0000004]   out 0xf4, eax   jmp start
const GUEST = Buffer.from('a3080000d0a1040000d0e7f4ebf2', 'hex');
const CLI = fileURLToPath(new URL('../src/cli/ioregion.cjs', import.meta.url));
const DEVICE = fileURLToPath(new URL('./counter-device.js', import.meta.url));
const directory = mkdtempSync(`${tmpdir()}/ioregion-`);
const port = DevicePort.listen(`${directory}/counter.sock`);

async function startDevice(): Promise<{ child: ChildProcess; channel: OwnedChannel }> {
  const child = spawn(process.execPath, [CLI, 'region-server', '--socket', `${directory}/counter.sock`, DEVICE]);
  const connection = await port.accept();
  const channel = connection.offer([{ name: 'counter', space: 'mmio', size: 0x20 }]).get('default')!;
  return { child, channel };
}

let { child, channel } = await startDevice();
const dispatcher = new NativeDispatcher();
dispatcher.onFailure = ({ code, message }) => console.log(`${code}: ${message}`);
const reconnect = async () => {
  ({ child, channel } = await startDevice());
  return channel;
};
dispatcher.addRegion({
  space: 'mmio',
  gpa: 0xd0000000,
  size: 0x20,
  ...channel,
  policy: { kind: 'reconnect', reconnect },
});

const vm = Kvm.open().createVm();
const memory = GuestMemory.create(1 << 20);
for (const region of memory.regions) vm.memory.add(region);
memory.write(0x1000, GUEST);
const vcpu = await Vcpu.create(vm, 0, { dispatcher });
enterProtectedMode(vcpu.state, { entry: 0x1000 });

for (const run of [1, 2, 3]) {
  const exit = await vcpu.run();
  if (exit.reason === 'KVM_EXIT_IO') console.log(`run ${run}: COUNT = ${exit.data[0]} in process ${child.pid}`);
  if (run === 2) await Promise.all([once(child, 'exit'), child.kill('SIGKILL')]);
}
child.kill();
rmSync(directory, { recursive: true });
process.exit();
