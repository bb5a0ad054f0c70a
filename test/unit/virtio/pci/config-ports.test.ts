/** PCI configuration mechanism #1 in front of configuration spaces. */
import { expect, test } from 'vitest';
import { ConfigPorts, VirtioPciFunction } from '#dist/src/virtio/pci/index.js';
import { RecordedControl } from '../support/recorded-control.js';
import { RecordedSink } from '../support/recorded-sink.js';

const ENABLE = 0x8000_0000;
const SLOT = 3;
const COMMAND = 0x04;
const NOTHING = 0xffffffff;

function bus() {
  const pciFunction = new VirtioPciFunction({ control: new RecordedControl(), sink: new RecordedSink() });
  const ports = new ConfigPorts(new Map([[SLOT, pciFunction.config]]));
  const select = (address: number) => ports.write(0, 4, address);
  return { ports, select, config: pciFunction.config };
}

test('the address selects a register of a function, which data reads and writes at every width', () => {
  const { ports, select, config } = bus();
  select(ENABLE + (SLOT << 11));
  expect(ports.read(4, 4)).toBe(config.read(0, 4));
  expect(ports.read(4, 2)).toBe(0x1af4);
  expect(ports.read(6, 2)).toBe(config.read(2, 2));
  expect(ports.read(7, 1)).toBe(config.read(3, 1));
  select(ENABLE + (SLOT << 11) + COMMAND);
  ports.write(4, 2, 0x0407);
  expect(config.read(COMMAND, 2)).toBe(0x0407);
});

test('the address register keeps what is written, without its two reserved bits', () => {
  const { ports, select } = bus();
  select(0x80ff_ffff);
  expect(ports.read(0, 4)).toBe(0x80ff_fffc);
});

test('bytes and words of the address register are not for PCI', () => {
  const { ports, select } = bus();
  select(ENABLE);
  ports.write(1, 1, 0xff);
  ports.write(0, 2, 0xffff);
  expect(ports.read(0, 4)).toBe(ENABLE);
  expect(ports.read(1, 1)).toBe(NOTHING);
});

test.each([
  ['without the enable bit', SLOT << 11],
  ['of another bus', ENABLE + (1 << 16) + (SLOT << 11)],
  ['of a slot without device', ENABLE + (4 << 11)],
  ['of another function of a device', ENABLE + (SLOT << 11) + (1 << 8)],
])('an address %s reads as all ones and writes nothing', (_which, address) => {
  const { ports, select, config } = bus();
  select(address + COMMAND);
  ports.write(4, 2, 7);
  expect(ports.read(4, 4)).toBe(NOTHING);
  expect(config.read(COMMAND, 2)).toBe(0);
});
