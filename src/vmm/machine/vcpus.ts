/** The vCPUs of a machine, and the way from them to its board. */
import { NativeDispatcher, RegionServerThread } from '../../ioregion/index.js';
import { Vcpu, type VcpuOptions, type VcpuThread } from '../../kvm/index.js';
import { socketpair } from '../../native/index.js';
import type { RemotePort } from '../attach/index.js';
import type { BoardOptions } from '../board/board.js';
import { BOARD_PLACES, BOARD_STATE } from '../board/board-places.js';
import type { BoardLink } from '../board/board-question.js';
import { BOARD_MODULE } from '../board/board-url.js';
import { enterKernel, type LoadedKernel } from '../boot/index.js';
import type { CloseList } from '../close-list.js';
import { prepareVcpu } from '../cpu/index.js';
import { BOARD } from '../snapshot/state-target.js';
import type { CheckedDescription } from './description.js';
import type { Hardware } from './hardware.js';

export interface CreatedVcpus {
  readonly vcpus: readonly Vcpu[];
  /** Of the board, where it is not on the thread of the only vCPU. */
  readonly boardState: RemotePort | null;
  /** The way to the thread of the board, where that is not the only vCPU's. */
  readonly boardLink: BoardLink | null;
}

interface BoardPlacement {
  readonly attach: VcpuOptions;
  readonly state: RemotePort | null;
  readonly link: BoardLink | null;
}

/**
 * Creates the vCPUs, each on a Worker of its own, ready to run; `thread` is for the first of them.
 * @throws VcpuStartError, DeviceLoadError, KvmIoctlError; what has been made is closed by `closing`
 */
export async function createVcpus(
  description: CheckedDescription,
  hardware: Hardware,
  closing: CloseList,
  thread: VcpuThread | null,
): Promise<CreatedVcpus> {
  const { attach, state, link } =
    description.cpus === 1 ? boardOnVcpu(hardware) : await boardOnThread(hardware, closing);
  const vcpus = Array.from({ length: description.cpus }, (_, index) => {
    const first = index === 0 && thread !== null ? { thread } : {};
    return beginVcpu(hardware, index, { ...attach, ...first }, description, closing);
  });
  if (hardware.kernel !== null) prepare(vcpus, hardware, hardware.kernel);
  const settled = await Promise.allSettled(vcpus.map((vcpu) => vcpu.ready()));
  const failed = settled.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return { vcpus, boardState: state, boardLink: link };
}

function beginVcpu(
  { vm }: Hardware,
  index: number,
  attach: VcpuOptions,
  { affinity }: CheckedDescription,
  closing: CloseList,
): Vcpu {
  const cpus = affinity[index] ?? [];
  const vcpu = Vcpu.begin(vm, index, cpus.length === 0 ? attach : { ...attach, cpus });
  closing.push(() => vcpu.close());
  return vcpu;
}

/** A single vCPU has the board on its own thread: an access costs no hand-over. */
function boardOnVcpu({ board }: Hardware): BoardPlacement {
  const exitHandler = { module: BOARD_MODULE, factory: 'createBoardBus', options: board, transfer: portsOf(board) };
  return { attach: { exitHandler }, state: null, link: null };
}

const portsOf = ({ slots }: BoardOptions) => slots.flatMap(({ late }) => (late === undefined ? [] : [late.arrival]));

const BOARD_REGIONS = [...BOARD_PLACES, BOARD_STATE];

/** Several vCPUs share a board on a thread of its own, through the native dispatcher. */
async function boardOnThread({ board }: Hardware, closing: CloseList): Promise<BoardPlacement> {
  const dispatcher = new NativeDispatcher();
  closing.push(async () => dispatcher.close());
  const [here, there] = socketpair('seqpacket');
  try {
    for (const [userData, { space, address, size }] of BOARD_REGIONS.entries()) {
      const fds = { readFd: here, writeFd: here, trustedPeer: true, deadlineMs: 0 };
      dispatcher.addRegion({ space, gpa: address, size, userData, ...fds });
    }
    const options = { board, instance: dispatcher.id };
    const regions = BOARD_REGIONS.map(({ name }, userData) => {
      return { name, userData, device: { module: BOARD_MODULE, factory: 'createBoardRegion', options } };
    });
    const transfer = portsOf(board);
    const server = await RegionServerThread.start({ readFd: there, writeFd: there, regions, transfer });
    closing.push(() => server.close());
    return {
      attach: { dispatcher },
      state: { name: BOARD, dispatcher: dispatcher.id, address: BOARD_STATE.address },
      link: server,
    };
  } finally {
    here.close();
    there.close();
  }
}

/** vCPU 0 enters the kernel; the others wait for its start-up interrupts. */
function prepare(vcpus: readonly Vcpu[], { kvm, memory }: Hardware, kernel: LoadedKernel): void {
  const supported = kvm.supportedCpuid();
  const tscDeadline = kvm.capability('KVM_CAP_TSC_DEADLINE_TIMER') !== 0;
  for (const { id, state } of vcpus) prepareVcpu(state, supported, { index: id, count: vcpus.length, tscDeadline });
  enterKernel(vcpus[0]!.state, memory, kernel);
}
