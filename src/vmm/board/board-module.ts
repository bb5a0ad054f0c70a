/** The board as a module: on the Worker of the only vCPU, or on a thread of its own that several vCPUs reach. */
import type { DeviceContext, RegisterDevice } from '../../ioregion/device.js';
import { RegisterBus } from '../../ioregion/inline/register-bus.js';
import { StatePort } from '../../virtio/state/index.js';
import { answerState, type StateQuestion } from '../snapshot/state-question.js';
import { type Board, type BoardOptions, createBoard } from './board.js';
import { BOARD_STATE } from './board-places.js';
import type { SlotQuestion } from './board-question.js';

/** Answers the questions of a `BoardOnVcpu`, and about slots. The threads of devices do not keep the guest from its first instruction. */
class BoardBus extends RegisterBus {
  readonly #board: Board;

  constructor(board: Board) {
    super(board.places);
    this.#board = board;
  }

  enter(): void {
    this.#board.begin();
  }

  ask(question: unknown): Promise<unknown> {
    return answer(this.#board, question as StateQuestion | SlotQuestion);
  }
}

/** For a board on a thread of its own. */
class BoardPort extends StatePort {
  readonly #board: Board;

  constructor(board: Board) {
    super(board.state);
    this.#board = board;
  }

  ask(question: unknown): Promise<unknown> {
    return answer(this.#board, question as SlotQuestion);
  }
}

function answer(board: Board, question: StateQuestion | SlotQuestion): Promise<unknown> {
  if (question.op === 'plug' || question.op === 'want' || question.op === 'release') return board.answer(question);
  return answerState(board.state, question);
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
  const opened = await made;
  opened.begin();
  if (region === BOARD_STATE.name) return new BoardPort(opened);
  const found = opened.places.find(({ name }) => name === region);
  if (found === undefined) throw new RangeError(`a board has no region "${region}"`);
  return found.device;
}
