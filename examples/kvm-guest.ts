/**
 * A real KVM guest of four instructions rings the counter device's doorbell and reads its count. The device runs on
 * another thread; what the guest writes and reads travels over ioregionfd.
 *
 *     node dist/examples/kvm-guest.js          prints: the guest read COUNT = 2 at 0xd0000004
 */
import { NativeDispatcher, serveOnThread } from 'ioregion/ioregion';
import { enterProtectedMode, Kvm, Vcpu } from 'ioregion/kvm';
import { GuestMemory } from 'ioregion/memory';

const GUEST = Buffer.from(
  'a3080000d0' + // mov [0xd0000008], eax   ring the doorbell
    'a3080000d0' + // mov [0xd0000008], eax   again
    'a1040000d0' + // mov eax, [0xd0000004]   read COUNT
    'e7f4', // out 0xf4, eax                  tell us
  'hex',
);
const ENTRY = 0x1000;

const kvm = Kvm.open();
const vm = kvm.createVm();
const memory = GuestMemory.create(1 << 20);
for (const region of memory.regions) vm.memory.add(region);
memory.write(ENTRY, GUEST);

const dispatcher = new NativeDispatcher();
dispatcher.onFailure = (failure) => console.error(failure.code, failure.message);
const device = { module: new URL('./counter-device.js', import.meta.url).href };
const counter = await serveOnThread(dispatcher, { space: 'mmio', gpa: 0xd0000000, size: 0x20 }, device);

const vcpu = await Vcpu.create(vm, 0, { dispatcher });
enterProtectedMode(vcpu.state, { entry: ENTRY });
const exit = await vcpu.run();
if (exit.reason === 'KVM_EXIT_IO') {
  const count = new DataView(exit.data.buffer, exit.data.byteOffset).getUint32(0, true);
  console.log(`the guest read COUNT = ${count} at 0xd0000004`);
}
console.log(counter.region.stats());

await vcpu.close();
await counter.close();
dispatcher.close();
vm.close();
memory.close();
kvm.close();
