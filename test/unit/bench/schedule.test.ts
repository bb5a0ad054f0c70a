import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { turnsOf } from '#dist/bench/mmio/schedule.js';

const recordedTurns = (seconds: number) => turnsOf(['js', 'c'], seconds).filter((turn) => turn.recorded);

describe('the order of measurement', () => {
  it('warms each implementation up before the first recorded slot', () => {
    const [first, second, third] = turnsOf(['js', 'c'], 6);
    expect([first, second].map((turn) => [turn!.implementation, turn!.recorded])).toEqual([
      ['js', false],
      ['c', false],
    ]);
    expect(third!.recorded).toBe(true);
  });

  it('alternates A B A B', () => {
    const order = recordedTurns(6).map((turn) => turn.implementation);
    expect(order).toEqual(Array.from({ length: order.length / 2 }, () => ['js', 'c']).flat());
    expect(order.length).toBe(16);
  });

  it('shares the time asked for evenly, in slots between a quarter and three quarters of a second', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.75, max: 3600, noNaN: true }), (seconds) => {
        const turns = recordedTurns(seconds);
        const sum = turns.reduce((total, turn) => total + turn.milliseconds, 0);
        expect(sum).toBeCloseTo(seconds * 1000, 3);
        expect(turns[0]!.milliseconds).toBeGreaterThanOrEqual(250);
        expect(turns[0]!.milliseconds).toBeLessThanOrEqual(750);
      }),
    );
  });

  it('measures each implementation once however short the time', () => {
    expect(recordedTurns(0.01).map((turn) => turn.implementation)).toEqual(['js', 'c']);
  });

  it('gives a lone implementation all the time', () => {
    const turns = turnsOf(['js'], 3).filter((turn) => turn.recorded);
    expect(turns.reduce((total, turn) => total + turn.milliseconds, 0)).toBeCloseTo(3000);
  });
});
