/** Entry of a vCPU's Worker: waits for its vCPU and then for `run`, and blocks in KVM_RUN until there is something to report. */
import { parentPort, workerData } from 'node:worker_threads';
import { native } from '../../native/binding.js';
import { isNativeSystemError } from '../../native/errors.js';
import { importModule } from '../../native/import-module.js';
import { setAffinity } from '../../native/thread.js';
import { loadExitHandler } from './exit-handler.js';
import type { PlainSystemError, VcpuReply, VcpuRequest, VcpuThreadData, VcpuWorkerData } from './messages.js';
import { type CoreExit, VcpuCore } from './vcpu-core.js';

const port = parentPort!;

function reply(message: VcpuReply): void {
  port.postMessage(message);
}

function systemPart(error: unknown): PlainSystemError | null {
  return isNativeSystemError(error) ? { code: error.code, errno: error.errno, syscall: error.syscall } : null;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function open(data: VcpuWorkerData): Promise<VcpuCore> {
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

let isEntered = false;

function run(core: VcpuCore, request: Entry): void {
  try {
    if (!isEntered) core.handler.enter?.();
    isEntered = true;
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

async function start(data: VcpuWorkerData): Promise<void> {
  try {
    const core = await open(data);
    port.on('message', (request: VcpuRequest) => carryOut(core, request));
    reply({ type: 'ready', coreId: core.id });
  } catch (error) {
    reply({ type: 'start-failed', message: messageOf(error), system: systemPart(error) });
  }
}

function carryOut(core: VcpuCore, request: VcpuRequest): void {
  if (request.type === 'run' || request.type === 'settle') run(core, request);
  else if (request.type === 'ask') void ask(core, request.question);
  else if (request.type === 'close') {
    core.close();
    void closeHandler(core).finally(() => port.close());
  }
}

port.once('message', (request: VcpuRequest) => {
  if (request.type === 'open') void start(request.data);
});
/* What cannot be loaded is told by whoever needs it. */
for (const module of (workerData as VcpuThreadData).modules) importModule(module).catch(() => {});
