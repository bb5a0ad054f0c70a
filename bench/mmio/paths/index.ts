/** How each path is built in JavaScript. */
import { JsRunner, type PathSetUp, type PathSetUpOptions } from '../js-runner.js';
import type { PathName } from '../row.js';
import { setUpExitInline, setUpIoeventfd, setUpIoregionfdProcess, setUpIoregionfdThread } from './kvm.js';
import { setUpLoopback } from './loopback.js';

const SET_UPS: Readonly<Record<PathName, PathSetUp>> = {
  'exit-inline': setUpExitInline,
  'ioregionfd-thread': setUpIoregionfdThread,
  'ioregionfd-process': setUpIoregionfdProcess,
  'ioregionfd-posted': setUpIoregionfdThread,
  ioeventfd: setUpIoeventfd,
  'loopback-thread': setUpLoopback,
  'loopback-posted': setUpLoopback,
};

export function jsRunner(options: PathSetUpOptions): JsRunner {
  return new JsRunner(SET_UPS[options.path], options);
}
