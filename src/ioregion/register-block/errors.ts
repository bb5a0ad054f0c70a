/** The errors of register blocks. Accesses never throw: what a block refuses it counts. */
import { IoregionError } from '../../native/errors.js';

/** What is wrong with a table, or with the handlers given for it. */
export type TableRule =
  | 'name'
  | 'size'
  | 'offset'
  | 'width'
  | 'array'
  | 'access'
  | 'reset'
  | 'bits'
  | 'overlap'
  | 'effect'
  | 'handler';

/** ERR_IOREGION_REGISTER_TABLE: a register table that makes no sense, found when the block is defined. */
export class RegisterTableError extends IoregionError {
  readonly rule: TableRule;

  constructor(rule: TableRule, block: string, problem: string) {
    super('ERR_IOREGION_REGISTER_TABLE', `register block ${block}: ${problem}`);
    this.rule = rule;
  }
}

/** ERR_IOREGION_REGISTER_NAME: the block has no register of that name, or no such index in its array. */
export class RegisterNameError extends IoregionError {
  constructor(block: string, name: string, index: number) {
    super('ERR_IOREGION_REGISTER_NAME', `register block ${block} has no register ${name}[${index}]; see its table`);
  }
}

/** ERR_IOREGION_REGISTER_STATE: a saved state that this block could not have saved. Nothing was restored. */
export class RegisterStateError extends IoregionError {
  constructor(block: string, problem: string) {
    super('ERR_IOREGION_REGISTER_STATE', `saved state of register block ${block}: ${problem}; nothing was restored`);
  }
}
