/** Backends that lie, at every message of a device's life: a coded failure of that device, and of nothing else. */
import { GuestMemory } from 'ioregion/memory';
import { IoregionError } from 'ioregion/native';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ControlTransport, MockDriver } from '#dist/src/testing/index.js';
import { type Interference, MockBackend } from '#dist/src/testing/mock-backend/index.js';
import { VhostUserControl } from '#dist/src/vhost-user/frontend/index.js';
import { FrontendRequest } from '#dist/src/vhost-user/index.js';
import { DeviceType, Feature } from '#dist/src/virtio/spec/index.js';
import { mappingCount, openFds } from '../../../support/open-fds.js';
import { temporaryDirectory } from '../../../support/temporary.js';
import { LIES, type Lie } from '../support/lies.js';
import { eventually, socketPath } from '../support/mock-machine.js';

const directory = temporaryDirectory();
const REPLY_MS = 100;

/** Every request that the life below has the frontend send. */
const REQUESTS = [
  'getFeatures',
  'getProtocolFeatures',
  'setProtocolFeatures',
  'setOwner',
  'getQueueNum',
  'setBackendReqFd',
  'getConfig',
  'getMaxMemSlots',
  'addMemReg',
  'netSetMtu',
  'setFeatures',
  'setStatus',
  'getInflightFd',
  'setInflightFd',
  'setVringNum',
  'setVringBase',
  'setVringAddr',
  'setVringErr',
  'setVringCall',
  'setVringKick',
  'setVringEnable',
  'getStatus',
  'setConfig',
  'setLogBase',
  'getVringBase',
  'setDeviceStateFd',
  'checkDeviceState',
  'resetDevice',
] as const satisfies readonly (keyof typeof FrontendRequest)[];

/** Lies once, at the first such request. */
function lieOnce(request: number, lie: Lie): Interference & { told: boolean } {
  const interfere = Object.assign(
    ((seen, answer, connection) => {
      if (seen.request !== request || interfere.told) return answer === null ? [] : [answer];
      interfere.told = true;
      return lie(seen, answer, connection);
    }) as Interference,
    { told: false },
  );
  return interfere;
}

/** Uses everything once. Nothing but coded errors may come of it. */
async function live(control: VhostUserControl, driver: MockDriver): Promise<void> {
  const { migration } = control;
  const quietly = (work: Promise<unknown>) => work.catch((error) => expect(error).toBeInstanceOf(IoregionError));
  driver.start();
  await control.settled();
  if (control.config.length > 32) await control.writeConfig(32, 1, 1);
  await quietly(migration.startLog());
  await quietly(migration.stopLog());
  control.stopQueue(0);
  await control.settled();
  await quietly(migration.saveState());
  await driver.reset();
}

async function connect(path: string, memory: GuestMemory): Promise<VhostUserControl | null> {
  const options = { path, memory, deviceType: DeviceType.block, replyMs: REPLY_MS, retryMs: 2, mtu: 1500 };
  try {
    return await VhostUserControl.connect(options);
  } catch (error) {
    expect(error).toBeInstanceOf(IoregionError);
    return null;
  }
}

async function works(control: VhostUserControl, backend: MockBackend, driver: MockDriver): Promise<void> {
  driver.start();
  await control.settled();
  await eventually(() => expect(backend.connection.vrings[0]!.kickFd).not.toBe(null));
  expect(control.state.needsReset).toBe(false);
  await driver.reset();
}

/** Another device, which all this is no business of. */
let bystander: { control: VhostUserControl; backend: MockBackend; driver: MockDriver; memory: GuestMemory };

beforeAll(async () => {
  const memory = GuestMemory.create(1 << 20);
  const path = socketPath(directory);
  const backend = MockBackend.listen(path);
  const control = await VhostUserControl.connect({ path, memory, deviceType: DeviceType.block });
  bystander = { control, backend, memory, driver: new MockDriver(new ControlTransport(control), memory) };
});

afterAll(async () => {
  await bystander.control.close();
  bystander.backend.close();
  bystander.memory.close();
});

/** A device from its first message to its last, with one lie on the way. */
async function lieInALife(name: (typeof REQUESTS)[number], lie: Lie): Promise<void> {
  const memory = GuestMemory.create(1 << 20);
  const interfere = lieOnce(FrontendRequest[name], lie);
  const path = socketPath(directory);
  const backend = MockBackend.listen(path, { interfere });
  // A backend that fails at once is connected to again, as a user would.
  const control = (await connect(path, memory)) ?? (await connect(path, memory))!;
  const driver = new MockDriver(new ControlTransport(control), memory, { features: Feature.version1 });
  await live(control, driver);
  expect(interfere.told, name).toBe(true);
  await eventually(() => expect(control.connected, name).toBe(true));
  await works(control, backend, driver);
  await control.close();
  backend.close();
  memory.close();
}

test.each(Object.entries(LIES))(
  '%s in answer to any request fails that device at most, which works after a reset; nothing is left open',
  async (_name, lie) => {
    await works(bystander.control, bystander.backend, bystander.driver);
    await new Promise((resolve) => setTimeout(resolve, 0));
    const before = { fds: openFds().length, logs: mappingCount('ioregion-dirty-log') };
    for (const name of REQUESTS) {
      await lieInALife(name, lie);
      await works(bystander.control, bystander.backend, bystander.driver);
    }
    expect(bystander.backend.connections.length).toBe(1);
    await eventually(() => expect(openFds().length).toBe(before.fds));
    expect(mappingCount('ioregion-dirty-log')).toBe(before.logs);
  },
);
