/** The process of a device, as it is started and ended without a machine. */
import { expect, onTestFinished, test } from 'vitest';
import { DeviceProcess } from '#dist/src/vmm/attach/device-process.js';
import { deviceProcesses } from '../../support/child-processes.js';

const SPEC = { name: 'a device', isBuiltIn: true } as const;
const SOON_MS = 50;

function start() {
  const before = deviceProcesses().map(({ pid }) => pid);
  const process = DeviceProcess.start(SPEC, {});
  onTestFinished(() => process.kill('the test is over'));
  return { process, pid: deviceProcesses().find(({ pid }) => !before.includes(pid))!.pid };
}

test('a device process that is stopped when its machine ends is killed', async () => {
  const { process: device, pid } = start();
  await device.connection;
  process.kill(pid, 'SIGSTOP');
  await device.end(SOON_MS);
  expect(await device.ended).toBe(`it had not ended ${SOON_MS} ms after its machine`);
  expect(deviceProcesses().filter((one) => one.pid === pid)).toEqual([]);
});

test('a device process has its time from when its machine begins to end', async () => {
  const { process: device, pid } = start();
  await device.connection;
  process.kill(pid, 'SIGSTOP');
  device.limit(SOON_MS);
  expect(await device.ended).toBe(`it had not ended ${SOON_MS} ms after its machine`);
  await device.end();
});

test('a device process that never comes to connect is ended too, and who waits for it hears why', async () => {
  const { process: device, pid } = start();
  process.kill(pid, 'SIGSTOP');
  await device.end(SOON_MS);
  const reason = `the process of the device "a device" is gone: it had not ended ${SOON_MS} ms after its machine`;
  await expect(device.connection).rejects.toMatchObject({ code: 'ERR_IOREGION_DEVICE_PROCESS', message: reason });
});

const REGION = { name: 'bar0', space: 'mmio', size: 0x1000 } as const;

test('who waits for a device that its process cannot make hears how the process ended', async () => {
  const { process: device } = start();
  const connection = await device.connection;
  for (const channel of connection.offer([REGION]).values()) channel[Symbol.dispose]();
  await expect(device.ready()).rejects.toMatchObject({
    code: 'ERR_IOREGION_DEVICE_PROCESS',
    message: expect.stringContaining('it ended with status 1'),
  });
  await device.end();
});

test('who waits for the device of a process that is ended meanwhile hears why', async () => {
  const { process: device, pid } = start();
  await device.connection;
  const ready = device.ready();
  ready.catch(() => {});
  process.kill(pid, 'SIGSTOP');
  await device.end(SOON_MS);
  await expect(ready).rejects.toMatchObject({ message: expect.stringContaining('ms after its machine') });
});
