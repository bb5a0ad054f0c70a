import { expect, it } from 'vitest';
import { kickTable } from '#dist/src/cli/bench-kick.js';

it('the table of kicks has a row for each path, with how much dearer than an ioeventfd it is', () => {
  const row = { n: 5000, p90_ns: 12_000, p99_ns: 20_000, timer_floor_ns: 10 };
  const rows = [
    { path: 'synchronous' as const, p50_ns: 11_000, ...row },
    { path: 'register' as const, p50_ns: 13_000, ...row },
    { path: 'assigned' as const, p50_ns: 2_000, ...row },
  ];
  const lines = kickTable({ rows, over_assigned: { synchronous: 5.5, register: 6.5 } }, false).split('\n');
  const cells = lines.filter((line) => line.startsWith('│')).map((line) => line.split('│').map((cell) => cell.trim()));
  expect(cells.map((line) => line.slice(1, 6))).toEqual([
    ['kick', 'p50 µs', 'p90 µs', 'p99 µs', '× assigned'],
    ['synchronous', '11.0', '12.0', '20.0', '5.50'],
    ['register', '13.0', '12.0', '20.0', '6.50'],
    ['assigned', '2.00', '12.0', '20.0', ''],
  ]);
});
