import { closeAll, Disposables, Fd, pipe, undoOnFailure } from 'ioregion/native';
import { describe, expect, it } from 'vitest';
import { openFds } from '../../support/open-fds.js';

const failing = (message: string): Disposable => ({
  [Symbol.dispose]: () => {
    throw new Error(message);
  },
});

describe('undoOnFailure', () => {
  it('closes everything in reverse order and lets the error go on', () => {
    const before = openFds();
    const order: string[] = [];
    const failure = new Error('step 3');
    expect(() =>
      undoOnFailure((undo) => {
        const { readEnd, writeEnd } = pipe();
        undo.use(readEnd);
        undo.defer(() => order.push('first'));
        undo.use(writeEnd);
        undo.defer(() => order.push('second'));
        throw failure;
      }),
    ).toThrow(failure);
    expect(order).toEqual(['second', 'first']);
    expect(openFds()).toEqual(before);
  });

  it('leaves everything open on success', () => {
    const fd = undoOnFailure((undo) => undo.use(pipe().readEnd));
    expect(fd).toBeInstanceOf(Fd);
    expect(fd.closed).toBe(false);
    fd.close();
  });
});

describe('closeAll', () => {
  it('closes the others where one fails, and throws that failure', () => {
    const { readEnd, writeEnd } = pipe();
    expect(() => closeAll([readEnd, failing('one'), writeEnd])).toThrow('one');
    expect([readEnd.closed, writeEnd.closed]).toEqual([true, true]);
  });

  it('throws several failures together', () => {
    const attempt = () => closeAll([failing('one'), failing('two')]);
    expect(attempt).toThrow(AggregateError);
    expect(attempt).toThrow('2 resource(s) could not be closed');
  });
});

describe('Disposables', () => {
  it('disposes of each thing once', () => {
    let count = 0;
    const all = new Disposables();
    all.defer(() => count++);
    all[Symbol.dispose]();
    all[Symbol.dispose]();
    expect(count).toBe(1);
  });
});
