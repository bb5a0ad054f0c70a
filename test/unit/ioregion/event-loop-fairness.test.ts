/** A guest that writes without end does not take the event loop away from everybody else. */
import { setImmediate } from 'node:timers/promises';
import { CommandKind, EventLoopServer, encodeCommand, MESSAGE_SIZE, messageWords } from 'ioregion/ioregion';
import { socketpair } from 'ioregion/native';
import { expect, it } from 'vitest';

it('other work of the event loop gets its turn between batches', async () => {
  const [vmm, device] = socketpair('seqpacket');
  const bytes = new ArrayBuffer(MESSAGE_SIZE);
  const command = { kind: CommandKind.write, size: 4, offset: 0, responseWanted: false };
  const zero = { userDataLow: 0, userDataHigh: 0, dataLow: 0, dataHigh: 0 };
  encodeCommand(messageWords(bytes, 0, 1), 0, { ...command, ...zero }, 3);
  const another = () => void vmm.write(new Uint8Array(bytes));
  const server = new EventLoopServer({
    readFd: device,
    writeFd: device,
    regions: [{ device: { read: () => 0, write: another } }] /* each write brings the next: there is no end */,
  });
  another();
  await setImmediate();
  const early = server.stats.writes;
  await setImmediate();
  await setImmediate();
  expect(early).toBeLessThan(10_000);
  expect(server.stats.writes).toBeGreaterThan(early);
  server.close();
  vmm.close();
  device.close();
});
