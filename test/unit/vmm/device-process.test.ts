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

test('a device process that never comes to connect is ended too, and who waits for it hears why', async () => {
  const { process: device, pid } = start();
  process.kill(pid, 'SIGSTOP');
  await device.end(SOON_MS);
  const reason = `the process of the device "a device" is gone: it had not ended ${SOON_MS} ms after its machine`;
  await expect(device.connection).rejects.toMatchObject({ code: 'ERR_IOREGION_DEVICE_PROCESS', message: reason });
});
