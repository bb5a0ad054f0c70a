/** The module a vCPU's Worker imports to get a register bus with devices from modules of their own. */

import type { ExitHandlerModule } from '../../kvm/index.js';
import { type DeviceModule, loadDevice } from '../server/device-module.js';
import { RegisterBus } from './register-bus.js';

/** A device in the vCPU's Worker, by module. */
export interface InlineDevice {
  readonly space: 'mmio' | 'pio';
  /** gpa or port. */
  readonly address: number;
  /** Bytes. */
  readonly size: number;
  readonly device: DeviceModule;
}

/** For `VcpuOptions.exitHandler`: the devices answer the exits of that vCPU in its own thread. */
export function inlineDevices(devices: readonly InlineDevice[]): ExitHandlerModule {
  return { module: import.meta.url, factory: 'createBus', options: devices };
}

/** The factory behind `inlineDevices`. */
export async function createBus(devices: readonly InlineDevice[]): Promise<RegisterBus> {
  const places = devices.map(async (entry) => ({ ...entry, device: await loadDevice(entry.device) }));
  return new RegisterBus(await Promise.all(places));
}
