/** How a result stands against the goals, in a few lines. */
import { formatGoal, type Goal } from '../../bench/index.js';

/** One line that counts the goals met, and one for each that was missed. Nothing where there are no goals. */
export function goalLines(goals: readonly Goal[]): string[] {
  if (goals.length === 0) return [];
  const missed = goals.filter((goal) => !goal.met);
  return [`Goals: ${goals.length - missed.length} of ${goals.length} met.`, ...missed.map(missedLine)];
}

function missedLine({ name, value, relation, limit }: Goal): string {
  return `  missed: ${name} is ${formatGoal(value)}, should be ${relation} ${formatGoal(limit)}`;
}
