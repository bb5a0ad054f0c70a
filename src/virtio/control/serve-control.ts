/** A control that a transport drives from another thread: what the entry of its Worker calls. */
import { parentPort, workerData } from 'node:worker_threads';
import { EventFd } from '../../native/index.js';
import { openInterrupts } from '../interrupt/index.js';
import { andThen, type MaybePromise } from '../runner/index.js';
import type { DeviceControl, QueueStart } from './device-control.js';
import { type DeviceLog, stderrLog } from './log.js';
import { endWait, sendReply } from './sync-reply.js';
import type {
  ControlReply,
  ControlRequest,
  StartReply,
  StartWorkerData,
  StateReply,
  WorkerQueue,
} from './worker-messages.js';

export interface ServedControl extends DeviceControl {
  /** An exception on its thread that nobody has caught. */
  fail(reason: string): void;
  /** May take its time: the driver waits for it. Does not reject. */
  writeConfig(offset: number, size: number, value: number): MaybePromise<void>;
}

/** Messages that may wait for a transport whose thread is in the guest. */
const UNREAD_LOGS = 64;

/** Opens the control with what the transport's thread gave along, then does what the transport asks. */
export async function serveControl<Data>(open: (data: Data, log: DeviceLog) => Promise<ServedControl>): Promise<void> {
  const data = workerData as Data & StartWorkerData;
  process.on('exit', () => endWait(data.reply));
  try {
    let control: ServedControl | null = null;
    const tell = (message: string): void => {
      if (control?.state.mayLog(UNREAD_LOGS) === true) send({ type: 'log', message });
    };
    const opened = await open(data, data.logToStderr ? stderrLog() : tell);
    control = opened;
    watchOver(opened);
    parentPort!.on('message', (request: ControlRequest) => carryOut(opened, request));
    const { description, state, config } = opened;
    tellStart(data, { type: 'ready', description, state: state.buffer, config: config.buffer });
  } catch (error) {
    tellStart(data, { type: 'failed', message: error instanceof Error ? error.message : String(error) });
  }
}

/** To the transport's thread, whether it turns or waits, and to whoever else wants to know. */
function tellStart({ reply, arrival }: StartWorkerData, start: StartReply): void {
  arrival?.postMessage(start);
  arrival?.close();
  send(start);
  sendReply(reply, start);
}

function send(reply: ControlReply): void {
  parentPort!.postMessage(reply);
}

/** The number is the transport's: nothing here closes it. */
function toStart({ setup, kickFd }: WorkerQueue): QueueStart {
  return { setup, kickFd: new EventFd(kickFd) };
}

function carryOut(control: ServedControl, request: ControlRequest): void {
  switch (request.type) {
    case 'activate':
      control.activate(request.driverFeatures, request.queues.map(toStart), openInterrupts(request.interrupts));
      break;
    case 'start-queue':
      control.startQueue(toStart(request.queue));
      break;
    case 'stop-queue':
      control.stopQueue(request.index);
      break;
    case 'write-config':
      andThen(control.writeConfig(request.offset, request.size, request.value), () => control.state.countConfigWrite());
      break;
    case 'reset':
      control.reset();
      break;
    case 'save':
      sendReply(
        request.reply,
        stateReply(() => control.saveDevice()),
      );
      break;
    case 'restore':
      sendReply(
        request.reply,
        stateReply(() => control.restoreDevice(request.state)),
      );
      break;
    case 'settle':
      void control.settled().then(() => send({ type: 'settled' }));
      break;
    case 'close':
      void control.close().then(() => process.exit());
  }
}

/** Bytes that are shared would not be a copy: devices give plain data. */
function stateReply(call: () => unknown): StateReply {
  try {
    return { state: structuredClone(call()) };
  } catch (error) {
    return { failed: error instanceof Error ? error.message : String(error) };
  }
}

/** The transport must learn of the end of this thread, even where it cannot receive messages. */
function watchOver(control: ServedControl): void {
  process.on('uncaughtException', (error) => control.fail(`uncaught: ${error.stack ?? error.message}`));
  process.on('exit', () => control.state.end());
}
