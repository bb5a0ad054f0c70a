/** `ioregion probe`: what this host offers, as a table or as JSON. */
import type { Command } from 'commander';
import { probeHost } from '../kvm/probe/index.js';

interface Options {
  readonly json?: boolean;
  readonly device: string;
}

const DEVICE = '/dev/kvm';

export function registerProbe(program: Command): void {
  program
    .command('probe')
    .description('show what KVM offers on this host, and which dispatcher it gets')
    .option('--json', 'print the report as JSON')
    .option('--device <path>', 'the KVM device', DEVICE)
    .action(printProbe);
}

/**
 * Probes where `words`, after `probe` on the command line, ask for nothing more than a table or JSON. Otherwise does
 * nothing and returns false: that is for commander, whose loading would be a third of a cold start.
 */
export async function probeAtOnce(words: readonly string[]): Promise<boolean> {
  if (!words.every((word) => word === '--json')) return false;
  await printProbe({ json: words.length > 0, device: DEVICE });
  return true;
}

async function printProbe({ json, device }: Options): Promise<void> {
  const report = probeHost({ device });
  if (json) return console.log(JSON.stringify(report, null, 2));
  const { probeTable } = await import('./probe-table.js');
  console.log(probeTable(report));
}
