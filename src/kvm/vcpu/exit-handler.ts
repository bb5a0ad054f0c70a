/** Devices that live in the vCPU's own Worker: they answer an exit without leaving the thread. */
import type { MessagePort } from 'node:worker_threads';
import { importModule } from '../../native/import-module.js';
import type { IoExit } from '../io-exit.js';
import type { MmioExit } from '../mmio-exit.js';

/** Each method answers an exit in place and returns true, or returns false to hand it to the vCPU's owner. */
export interface ExitHandler {
  io?(exit: IoExit): boolean;
  mmio?(exit: MmioExit): boolean;
  /** The guest is about to be entered for the first time. */
  enter?(): void;
  /** What `Vcpu.ask` asks while the guest does not run; the answer is structured-cloned. */
  ask?(question: unknown): Promise<unknown>;
  /** The vCPU is closed: releases files and threads of the devices. */
  close?(): Promise<void>;
}

/** Names a module that makes the exit handler; sent to the Worker. */
export interface ExitHandlerModule {
  /** URL of an ES module. */
  readonly module: string;
  /** Name of the exported factory, `(options) => ExitHandler | Promise<ExitHandler>`. Default `default`. */
  readonly factory?: string;
  /** Passed to the factory; structured-cloned. */
  readonly options?: unknown;
  /** What of the options is transferred. */
  readonly transfer?: readonly MessagePort[];
}

export const NO_EXIT_HANDLER: ExitHandler = {};

/** Imports the module and makes the handler; rejects with what the import or the factory throws. */
export async function loadExitHandler({
  module,
  factory = 'default',
  options,
}: ExitHandlerModule): Promise<ExitHandler> {
  const namespace = await importModule(module);
  const make = namespace[factory];
  if (typeof make !== 'function') throw new TypeError(`${module} exports no function "${factory}"`);
  return await (make as (options: unknown) => ExitHandler | Promise<ExitHandler>)(options);
}
