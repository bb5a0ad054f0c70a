/** A device behind a mock backend, with the driver that uses it. */
import { join } from 'node:path';
import { GuestMemory } from 'ioregion/memory';
import { onTestFinished, vi } from 'vitest';
import { ControlTransport, MockDriver } from '#dist/src/testing/index.js';
import { MockBackend, type MockBackendOptions } from '#dist/src/testing/mock-backend/index.js';
import { VhostUserControl, type VhostUserControlOptions } from '#dist/src/vhost-user/frontend/index.js';
import { DeviceType, Feature } from '#dist/src/virtio/spec/index.js';

export const eventually = (check: () => void) => vi.waitFor(check, { timeout: 5000, interval: 5 });

let sockets = 0;

export function socketPath(directory: string): string {
  return join(directory, `backend-${sockets++}`);
}

export interface MockMachineOptions {
  readonly backend?: MockBackendOptions;
  readonly control?: Partial<VhostUserControlOptions>;
  readonly features?: bigint;
}

export interface MockMachine {
  readonly path: string;
  readonly backend: MockBackend;
  readonly control: VhostUserControl;
  readonly driver: MockDriver<ControlTransport>;
  readonly memory: GuestMemory;
  readonly logs: string[];
  close(): Promise<void>;
}

/** Connected, and closed with the test where it is not closed before. */
export async function mockMachine(directory: string, options: MockMachineOptions = {}): Promise<MockMachine> {
  const path = socketPath(directory);
  const backend = MockBackend.listen(path, options.backend);
  const memory = GuestMemory.create(1 << 20);
  const logs: string[] = [];
  let control: VhostUserControl | null = null;
  const close = async () => {
    await control?.close();
    backend.close();
    memory.close();
  };
  onTestFinished(close);
  control = await VhostUserControl.connect({
    path,
    memory,
    deviceType: DeviceType.block,
    replyMs: 2000,
    retryMs: 5,
    log: (message) => void logs.push(message),
    ...options.control,
  });
  const transport = new ControlTransport(control);
  const driver = new MockDriver(transport, memory, { features: options.features ?? Feature.version1 });
  return { path, backend, control, driver, memory, logs, close };
}
