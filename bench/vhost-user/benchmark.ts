/** A disk served over vhost-user by this package, by a plain C server and by qemu-storage-daemon, in turn. */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeImage } from '../blk/image.js';
import { median, round } from '../mmio/statistics.js';
import { buildPrograms, type ClientName, type ClientRun, runClient } from './client.js';
import { hasQemu, SERVERS, Server, type ServerName, type ServerPlace } from './servers.js';

const MEMORY_DIRECTORY = '/dev/shm';
/** Once for each server, so that what is compiled at run time is; then before each row. */
const FIRST_WARM_UP_MS = 1000;
const WARM_UP_MS = 200;
const NS_PER_SECOND = 1e9;
const NS_PER_US = 1000;

export interface VhostUserRow {
  /** Client and server share one, or have one each. */
  readonly cores: 1 | 2;
  readonly op: 'read' | 'write';
  readonly depth: number;
  /** Requests per second: medians over the rounds. Null: not on this host, or not for this client. */
  readonly iops: Readonly<Record<ServerName, number | null>>;
  /** CPU time of the server for each request, in µs. */
  readonly cpu_us: Readonly<Record<ServerName, number | null>>;
  /** Medians over the rounds of the quotient of neighbours. */
  readonly js_over_c: number | null;
  readonly js_over_qemu: number | null;
}

export interface VhostUserResult {
  readonly client: ClientName;
  readonly rounds: number;
  readonly cpu_model: string;
  readonly kernel: string;
  readonly node_version: string;
  /** Of the last minute, once all is measured; a run by itself makes about 2. */
  readonly load: number;
  readonly rows: readonly VhostUserRow[];
}

export interface VhostUserOptions {
  readonly client: ClientName;
  /** Slots of each server per row; they alternate. */
  readonly rounds: number;
  readonly milliseconds: number;
}

type Spec = Pick<VhostUserRow, 'cores' | 'op' | 'depth'>;

const CORES = cpus().length > 1 ? ([1, 2] as const) : ([1] as const);
const SPECS: readonly Spec[] = CORES.flatMap((cores) =>
  (['read', 'write'] as const).flatMap((op) => [1, 32].map((depth) => ({ cores, op, depth }))),
);

export async function benchmarkVhostUser(options: VhostUserOptions): Promise<VhostUserResult> {
  const { client, server } = await buildPrograms(options.client);
  using image = makeImage(MEMORY_DIRECTORY);
  const directory = mkdtempSync(join(tmpdir(), 'ioregion-vhost-user-'));
  const place = { directory, image: image.path, program: server, cpu: cpus().length - 1 };
  try {
    using servers = await RunningServers.start(place, options.client);
    const rows = await measure(servers, { ...options, command: client, serverCpu: place.cpu });
    const host = { cpu_model: cpus()[0]?.model ?? 'unknown', kernel: release(), node_version: process.version };
    return { client: options.client, rounds: options.rounds, ...host, load: round(loadavg()[0]!, 1), rows };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** All of them wait from the beginning; only the one that is measured has a client. */
class RunningServers implements Disposable {
  readonly all: Server[] = [];

  static async start(place: ServerPlace, client: ClientName): Promise<RunningServers> {
    const servers = new RunningServers();
    // libblkio asks for protocol features that the plain server has not.
    const usable = { js: true, c: client === 'own', qemu: hasQemu() };
    for (const name of SERVERS) if (usable[name]) servers.all.push(await Server.start(name, place));
    return servers;
  }

  [Symbol.dispose](): void {
    for (const server of this.all) server[Symbol.dispose]();
  }
}

interface Measuring extends VhostUserOptions {
  readonly command: readonly string[];
  readonly serverCpu: number;
}

async function measure(servers: RunningServers, measuring: Measuring): Promise<VhostUserRow[]> {
  const rows: VhostUserRow[] = [];
  const warmUp = async (spec: Spec, milliseconds: number) => {
    for (const server of servers.all) await slot(server, spec, { ...measuring, milliseconds }, 0);
  };
  for (const spec of SPECS.filter(({ cores, depth }) => cores === 1 && depth > 1)) await warmUp(spec, FIRST_WARM_UP_MS);
  for (const spec of SPECS) {
    await warmUp(spec, WARM_UP_MS);
    rows.push(await measureRow(servers, spec, measuring));
  }
  return rows;
}

interface Slot {
  readonly iops: number;
  readonly cpuUs: number;
}

async function slot(server: Server, { cores, op, depth }: Spec, measuring: Measuring, seed: number): Promise<Slot> {
  const { command, milliseconds, serverCpu } = measuring;
  const cpu = cores === 1 ? serverCpu : 0;
  const run: ClientRun = { command, socket: server.socket, op, depth, milliseconds, seed, cpu };
  const before = server.cpuNs;
  const { requests, elapsed_ns } = await runClient(run);
  const cpuUs = (server.cpuNs - before) / NS_PER_US / requests;
  return { iops: (requests * NS_PER_SECOND) / elapsed_ns, cpuUs };
}

async function measureRow({ all }: RunningServers, spec: Spec, measuring: Measuring): Promise<VhostUserRow> {
  const slots: Record<ServerName, Slot[]> = { js: [], c: [], qemu: [] };
  for (let seed = 1; seed <= measuring.rounds; seed++)
    for (const server of all) slots[server.name].push(await slot(server, spec, measuring, seed));
  const { js, c, qemu } = slots;
  const each = (value: (of: Slot[]) => number | null) => ({ js: value(js), c: value(c), qemu: value(qemu) });
  return {
    ...spec,
    iops: each((of) =>
      middle(
        of.map(({ iops }) => iops),
        0,
      ),
    ),
    cpu_us: each((of) =>
      middle(
        of.map(({ cpuUs }) => cpuUs),
        2,
      ),
    ),
    js_over_c: middle(quotients(js, c), 2),
    js_over_qemu: middle(quotients(js, qemu), 2),
  };
}

function quotients(of: readonly Slot[], over: readonly Slot[]): number[] {
  return over.map(({ iops }, i) => of[i]!.iops / iops);
}

function middle(values: readonly number[], digits: number): number | null {
  return values.length === 0 ? null : round(median(values), digits);
}
