/** A function over a recorded control and sink, with the driver's view of it. */
import { HostNotifiers, type HostNotifiersOptions } from '#dist/src/virtio/host-notifier/index.js';
import { VirtioPciFunction, type VirtioPciFunctionOptions } from '#dist/src/virtio/pci/index.js';
import { PciDriver } from './pci-driver.js';
import { RecordedControl, type RecordedControlOptions } from './recorded-control.js';
import { RecordedSink } from './recorded-sink.js';

export type MachineOptions = RecordedControlOptions &
  Omit<VirtioPciFunctionOptions, 'control' | 'sink'> & { pin?: boolean };

export function machine(options: MachineOptions = {}) {
  const control = new RecordedControl(options);
  const sink = new RecordedSink(options);
  const pciFunction = new VirtioPciFunction({ ...options, control, sink });
  return { control, sink, function: pciFunction, driver: new PciDriver(pciFunction) };
}

/** The same with the modern BAR at 0xd0000000 (a legacy one at port 0xc000), and host notifiers. */
export function notifiedMachine(options: MachineOptions & Pick<HostNotifiersOptions, 'binder' | 'limit'>) {
  const notifiers = new HostNotifiers({ queues: (options.queueSizes ?? [256, 64]).length, ...options });
  const made = machine({ ...options, notifiers });
  made.function.place(4, 0xd0000000);
  made.function.place(0, 0xc000);
  return { ...made, notifiers };
}
