/** Entry of a vCPU's Worker: waits for `run`, then blocks in KVM_RUN until there is something to report. */
import { parentPort, workerData } from 'node:worker_threads';
import { native } from '../../native/binding.js';
import { isNativeSystemError } from '../../native/errors.js';
import { setAffinity } from '../../native/thread.js';
import { loadExitHandler } from './exit-handler.js';
import type { PlainSystemError, VcpuReply, VcpuRequest, VcpuWorkerData } from './messages.js';
import { type CoreExit, VcpuCore } from './vcpu-core.js';

const port = parentPort!;
const data = workerData as VcpuWorkerData;

function reply(message: VcpuReply): void {
  port.postMessage(message);
}

function systemPart(error: unknown): PlainSystemError | null {
  return isNativeSystemError(error) ? { code: error.code, errno: error.errno, syscall: error.syscall } : null;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function open(): Promise<VcpuCore> {
  if (data.cpus !== null) setAffinity(data.cpus);
  const dispatcher = native.dispatcherOpen(data.dispatcherId);
  const core = new VcpuCore(data.vcpuFd, data.mmapSize, dispatcher);
  native.dispatcherRelease(dispatcher);
  core.onFailure = (record) => reply({ type: 'failure', record });
  if (data.exitHandler !== null) core.handler = await loadExitHandler(data.exitHandler);
  return core;
}

type Entry = Extract<VcpuRequest, { type: 'run' | 'settle' }>;

/** KVM_RUN ends with EAGAIN when an application processor has been woken by its INIT or start-up interrupt: it runs then. */
function runToExit(core: VcpuCore, request: Entry): CoreExit {
  for (;;) {
    try {
      return request.type === 'run' ? core.run() : core.settle();
    } catch (error) {
      if (systemPart(error)?.code !== 'EAGAIN') throw error;
    }
  }
}

/** A device that cannot be closed must not keep the thread. */
async function closeHandler({ handler }: VcpuCore): Promise<void> {
  try {
    await handler.close?.();
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error));
  }
}

function run(core: VcpuCore, request: Entry): void {
  try {
    if (request.resolve !== null) core.resolve(request.resolve === 'retry');
    if (request.type === 'run' && request.answer !== null) core.answer(request.answer);
    reply({ type: 'stopped', exit: runToExit(core, request) });
  } catch (error) {
    reply({ type: 'run-failed', message: messageOf(error), system: systemPart(error) });
  }
}

async function ask({ handler }: VcpuCore, question: unknown): Promise<void> {
  try {
    reply({ type: 'answered', answer: await handler.ask?.(question) });
  } catch (error) {
    reply({ type: 'ask-failed', error });
  }
}

async function main(): Promise<void> {
  try {
    const core = await open();
    port.on('message', (request: VcpuRequest) => {
      if (request.type === 'run' || request.type === 'settle') return run(core, request);
      if (request.type === 'ask') return void ask(core, request.question);
      core.close();
      void closeHandler(core).finally(() => port.close());
    });
    reply({ type: 'ready', coreId: core.id });
  } catch (error) {
    reply({ type: 'start-failed', message: messageOf(error), system: systemPart(error) });
  }
}

void main();
