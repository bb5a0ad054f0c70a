/** Entry of a data-plane Worker: loads the device, then does what the transport asks. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadDevice, NO_CONTEXT } from '../../ioregion/server/device-module.js';
import { GuestMemory } from '../../memory/index.js';
import { EventFd, setAffinity } from '../../native/index.js';
import type { VirtioDevice } from '../device.js';
import { InterruptSource } from '../interrupt/index.js';
import type { QueueStart } from './device-control.js';
import { LocalControl } from './local-control.js';
import { stderrLog } from './log.js';
import type { ControlReply, ControlRequest, ControlWorkerData, WorkerQueue } from './worker-messages.js';

const port = parentPort!;
/** Messages that may wait for a transport whose thread is in the guest. */
const UNREAD_LOGS = 64;

function send(reply: ControlReply): void {
  port.postMessage(reply);
}

async function open(data: ControlWorkerData): Promise<LocalControl> {
  if (data.cpus !== null) setAffinity(data.cpus);
  const memory = GuestMemory.fromShared(data.memory);
  process.on('exit', () => memory.close());
  const device = await loadDevice<VirtioDevice>(data.device, { ...NO_CONTEXT, fds: data.fds });
  const tell = (message: string): void => {
    if (control.state.mayLog(UNREAD_LOGS)) send({ type: 'log', message });
  };
  const log = data.logToStderr ? stderrLog() : tell;
  const features = data.ringFeatures === null ? {} : { ringFeatures: data.ringFeatures };
  const control: LocalControl = new LocalControl({ device, memory, log, ...features });
  return control;
}

/** The number is the transport's: nothing here closes it. */
function toStart({ setup, kickFd }: WorkerQueue): QueueStart {
  return { setup, kickFd: new EventFd(kickFd) };
}

function carryOut(control: LocalControl, request: ControlRequest): void {
  switch (request.type) {
    case 'activate':
      control.activate(request.driverFeatures, request.queues.map(toStart), InterruptSource.open(request.interrupts));
      break;
    case 'start-queue':
      control.startQueue(toStart(request.queue));
      break;
    case 'stop-queue':
      control.stopQueue(request.index);
      break;
    case 'write-config':
      control.writeConfig(request.offset, request.size, request.value);
      control.state.countConfigWrite();
      break;
    case 'reset':
      control.reset();
      break;
    case 'settle':
      void control.settled().then(() => send({ type: 'settled' }));
      break;
    case 'close':
      void control.close().then(() => process.exit());
  }
}

/** The transport must learn of the end of this thread, even where it cannot receive messages. */
function watchOver(control: LocalControl): void {
  process.on('uncaughtException', (error) => control.fail(`uncaught: ${error.stack ?? error.message}`));
  process.on('exit', () => control.state.end());
}

try {
  const control = await open(workerData as ControlWorkerData);
  watchOver(control);
  port.on('message', (request: ControlRequest) => carryOut(control, request));
  const { description, state, config } = control;
  send({ type: 'ready', description, state: state.buffer, config: config.buffer });
} catch (error) {
  send({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
}
