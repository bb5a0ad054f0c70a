/** A register block: a validated table, ready to make devices. */
import { RegisterBlockDevice, WideRegisterBlockDevice } from './device.js';
import { checkHandlers, type Handlers, type UncheckedHandlers } from './handlers.js';
import { makeInstance } from './instance.js';
import { compileLayout, type Layout } from './layout.js';
import { type RegisterTable, widthsOf } from './table.js';
import { validateTable } from './validate.js';

export class RegisterBlock<const T extends RegisterTable = RegisterTable> {
  readonly table: T;
  readonly #layout: Layout;

  /** @throws RegisterTableError where the table makes no sense. */
  constructor(table: T) {
    validateTable(table);
    this.table = table;
    this.#layout = compileLayout(table);
  }

  /**
   * A device with registers of its own, at their reset values. `handlers` has a function for every side effect that
   * the table names.
   * @throws RegisterTableError (rule `handler`) where one is missing or superfluous.
   */
  create(handlers: Handlers<T>): RegisterBlockDevice<T> {
    return this.#create(handlers as UncheckedHandlers);
  }

  /** A device whose side effects do nothing: for tests made from the table. */
  createInert(): RegisterBlockDevice<T> {
    const onRead = this.table.registers.filter((spec) => spec.onRead !== undefined);
    const onWrite = this.table.registers.filter((spec) => spec.onWrite !== undefined);
    return this.#create({
      onRead: Object.fromEntries(onRead.map(({ name }) => [name, (stored: number) => stored])),
      onWrite: Object.fromEntries(onWrite.map(({ name }) => [name, () => {}])),
    });
  }

  #create(handlers: UncheckedHandlers): RegisterBlockDevice<T> {
    checkHandlers(this.table, handlers);
    const instance = makeInstance(this.table, this.#layout, handlers);
    const wide = this.table.registers.some((spec) => widthsOf(spec).includes(8));
    const Device = wide ? WideRegisterBlockDevice<T> : RegisterBlockDevice<T>;
    return new Device(this.table, this.#layout, instance);
  }
}
