/** The board as a module: on the Worker of the only vCPU, or on a thread of its own that several vCPUs reach. */
import type { DeviceContext, RegisterDevice } from '../../ioregion/device.js';
import { RegisterBus } from '../../ioregion/inline/register-bus.js';
import { type BoardOptions, type BoardPlace, createBoard } from './board.js';

/** Of this module, for Workers. */
export const BOARD_MODULE: string = import.meta.url;

/** The exit handler of a machine with one vCPU. */
export async function createBoardBus(options: BoardOptions): Promise<RegisterBus> {
  return new RegisterBus(await createBoard(options));
}

export interface BoardRegionOptions {
  readonly board: BoardOptions;
  /** Which board of this thread. */
  readonly instance: number;
}

const boards = new Map<number, Promise<BoardPlace[]>>();

/** The device of one region of a board: the first region that the thread asks for makes the board. */
export async function createBoardRegion(
  { board, instance }: BoardRegionOptions,
  { region }: DeviceContext,
): Promise<RegisterDevice> {
  const made = boards.get(instance) ?? createBoard(board);
  boards.set(instance, made);
  const found = (await made).find(({ name }) => name === region);
  if (found === undefined) throw new RangeError(`a board has no region "${region}"`);
  return found.device;
}
