/** What a driver does up to DRIVER_OK, with one queue whose ring is all zeroes: there is nothing in it. */
import type { VirtioPciFunction } from '../../src/virtio/pci/index.js';
import { CommonCfg, DeviceStatus, Feature } from '../../src/virtio/spec/index.js';

const QUEUE_SIZE = 16;
const AREAS = [
  [CommonCfg.queueDesc, 0x1_0000],
  [CommonCfg.queueDriver, 0x1_1000],
  [CommonCfg.queueDevice, 0x1_2000],
] as const;
const { acknowledge, driver, featuresOk, driverOk } = DeviceStatus;
const RUNNING = acknowledge | driver | featuresOk | driverOk;

/** @throws Error where the device does not come to DRIVER_OK */
export function startQueue(pciFunction: VirtioPciFunction): void {
  const common = pciFunction.regions.find(({ name }) => name === 'bar4')!.device;
  const setStatus = (status: number) => common.write(CommonCfg.deviceStatus, 1, status);
  for (const status of [acknowledge, acknowledge | driver]) setStatus(status);
  common.write(CommonCfg.driverFeatureSelect, 4, 1);
  common.write(CommonCfg.driverFeature, 4, Number(Feature.version1 >> 32n));
  setStatus(acknowledge | driver | featuresOk);
  common.write(CommonCfg.queueSize, 2, QUEUE_SIZE);
  for (const [offset, gpa] of AREAS) common.write(offset, 4, gpa);
  common.write(CommonCfg.queueEnable, 2, 1);
  setStatus(RUNNING);
  const status = common.read(CommonCfg.deviceStatus, 1);
  if ((status & 0xff) !== RUNNING) throw new Error(`the device is at status 0x${status.toString(16)}`);
}
