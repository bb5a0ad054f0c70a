/** What moving a running device to another host needs of its backend: a log of its writes, and its state. */
import type { GuestMemory } from '../../memory/index.js';
import { ProtocolFeature } from '../spec/index.js';
import { loadDeviceState, saveDeviceState } from './device-state.js';
import { DirtyLog } from './dirty-log.js';
import type { DrivenDevice } from './driven-device.js';
import type { FrontendSession } from './frontend-session.js';

/** Runs one piece of work on the session there is. Rejects with BackendGoneError where there is none. */
export type OnSession = <Result>(work: (session: FrontendSession) => Promise<Result>) => Promise<Result>;

/** Rejections of all methods: those of a FrontendSession. */
export class Migration {
  readonly #memory: GuestMemory;
  readonly #device: DrivenDevice;
  readonly #onSession: OnSession;

  constructor(memory: GuestMemory, device: DrivenDevice, onSession: OnSession) {
    this.#memory = memory;
    this.#device = device;
    this.#onSession = onSession;
  }

  /** Notes the pages that the backend, or a successor of it, writes to from now on. BackendUnsuitableError where it cannot. */
  startLog(): Promise<DirtyLog> {
    return this.#onSession(async (session) => {
      const log = DirtyLog.create(this.#memory);
      await this.#setLog(session, log).catch((error) => {
        log.close();
        throw error;
      });
      this.#device.log = log;
      return log;
    });
  }

  /** Ends that, and closes the log. */
  stopLog(): Promise<void> {
    return this.#onSession(async (session) => {
      await this.#setLog(session, null);
      this.#device.closeLog();
    });
  }

  /** The state inside the backend, once all queues have stopped; null where it has none to give (DEVICE_STATE). */
  saveState(): Promise<Uint8Array | null> {
    return this.#onSession(async (session) =>
      session.has(ProtocolFeature.deviceState) ? await saveDeviceState(session.channel) : null,
    );
  }

  /** Before `activate`. BackendRefusedError where the backend does not take it. */
  loadState(state: Uint8Array): Promise<void> {
    return this.#onSession((session) => loadDeviceState(session.channel, state));
  }

  #setLog(session: FrontendSession, log: DirtyLog | null): Promise<void> {
    const running = [...this.#device.vrings.values()].filter(({ started }) => started);
    const setups = running.map(({ setup }) => setup);
    return session.logWrites(this.#device.driverFeatures, setups, log);
  }
}
