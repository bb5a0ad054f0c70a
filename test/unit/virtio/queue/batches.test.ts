/** Chains taken many at a time. */
import { describe, expect, test } from 'vitest';
import { bytes, SET_UPS, Subject } from './subject.js';

const headsOf = (chains: readonly { readonly head: number }[]) => chains.map(({ head }) => head);
const batchOf = ({ engine }: Subject) => engine.batch.slice(0, engine.popBatch());

describe.each(SET_UPS.map((one) => [one.name, one] as const))('batches of chains: %s', (_name, made) => {
  /** All that is there, in batches. */
  const popAll = (subject: Subject) => {
    const chains = [];
    for (let batch = batchOf(subject); batch.length > 0; batch = batchOf(subject)) chains.push(...batch);
    return chains;
  };

  test('are empty where there is nothing', () => {
    const subject = new Subject(made);
    expect(subject.engine.popBatch()).toBe(0);
    expect(subject.engine.inFlight).toBe(0);
  });

  test('have the chains in order, each once', () => {
    const subject = new Subject(made);
    const sent = subject.offer([bytes(1)], [bytes(2)], [bytes(3)]);
    const chains = popAll(subject);
    expect(headsOf(chains)).toEqual(sent.map(({ id }) => id));
    expect(new Set(chains).size).toBe(3);
    expect(subject.engine.inFlight).toBe(3);
  });

  test('go on behind chains that were popped one by one, and before them', () => {
    const subject = new Subject(made);
    const sent = subject.offer([bytes(1)], [bytes(2)], [bytes(3)], [bytes(4)]);
    const chains = [...subject.pop(2), ...popAll(subject)];
    expect(headsOf(chains)).toEqual(sent.map(({ id }) => id));
    expect(new Set(chains).size).toBe(4);
    for (const chain of chains) chain.complete(0);
    subject.engine.flush();
    expect(subject.engine.inFlight).toBe(0);
  });

  test('never hold a chain that the device still has', () => {
    const subject = new Subject(made);
    subject.offer([bytes(1)], [bytes(2)]);
    const first = popAll(subject);
    const sent = subject.offer([bytes(3)], [bytes(4)]);
    const second = popAll(subject);
    expect(headsOf(second)).toEqual(sent.map(({ id }) => id));
    expect(new Set([...first, ...second]).size).toBe(4);
    expect([...first, ...second].map(({ readable }) => readable.byteLength)).toEqual([1, 1, 1, 1]);
  });
});
