/** The board as a module: on the Worker of the only vCPU, or on a thread of its own that several vCPUs reach. */
import type { DeviceContext, RegisterDevice } from '../../ioregion/device.js';
import { RegisterBus } from '../../ioregion/inline/register-bus.js';
import { StatePort, type Suspendable } from '../../virtio/state/index.js';
import { answerState, type StateQuestion } from '../snapshot/state-question.js';
import { BOARD_STATE, type Board, type BoardOptions, createBoard } from './board.js';

/** Of this module, for Workers. */
export const BOARD_MODULE: string = import.meta.url;

/** Answers the questions of a `BoardOnVcpu`. */
class BoardBus extends RegisterBus {
  readonly #state: Suspendable;

  constructor({ places, state }: Board) {
    super(places);
    this.#state = state;
  }

  ask(question: unknown): Promise<unknown> {
    return answerState(this.#state, question as StateQuestion);
  }
}

/** The exit handler of a machine with one vCPU. */
export async function createBoardBus(options: BoardOptions): Promise<RegisterBus> {
  return new BoardBus(await createBoard(options));
}

export interface BoardRegionOptions {
  readonly board: BoardOptions;
  /** Which board of this thread. */
  readonly instance: number;
}

const boards = new Map<number, Promise<Board>>();

/** The device of one region of a board: the first region that the thread asks for makes the board. */
export async function createBoardRegion(
  { board, instance }: BoardRegionOptions,
  { region }: DeviceContext,
): Promise<RegisterDevice> {
  const made = boards.get(instance) ?? createBoard(board);
  boards.set(instance, made);
  const { places, state } = await made;
  if (region === BOARD_STATE.name) return new StatePort(state);
  const found = places.find(({ name }) => name === region);
  if (found === undefined) throw new RangeError(`a board has no region "${region}"`);
  return found.device;
}
