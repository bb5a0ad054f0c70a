/** The processes that this one has started, and theirs, as /proc has them. */
import { readdirSync, readFileSync } from 'node:fs';

export interface ChildInfo {
  readonly pid: number;
  /** Its arguments, joined by spaces. */
  readonly command: string;
}

/** Children of `parent` that have not ended. */
export function childProcesses(parent: number = process.pid): ChildInfo[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => describe(Number(name), parent));
}

/** Those of devices. */
export function deviceProcesses(): ChildInfo[] {
  return childProcesses().filter(({ command }) => command.includes('region-server'));
}

export function isRunning(pid: number): boolean {
  return stateOf(pid)?.isZombie === false;
}

function describe(pid: number, parent: number): ChildInfo[] {
  const state = stateOf(pid);
  if (state === null || state.parent !== parent || state.isZombie) return [];
  return [{ pid, command: read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trimEnd() }];
}

/** Behind the name, which may hold anything: the state, then the parent. */
function stateOf(pid: number): { readonly isZombie: boolean; readonly parent: number } | null {
  const [state, parent] = read(`/proc/${pid}/stat`).split(') ').at(-1)!.split(' ');
  return parent === undefined ? null : { isZombie: state === 'Z', parent: Number(parent) };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
