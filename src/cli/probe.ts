/** `ioregion probe`: what this host offers, as a table or as JSON. */
import type { Command } from 'commander';
import { probeHost } from '../kvm/probe/index.js';

interface Options {
  readonly json?: true;
  readonly device: string;
}

export function registerProbe(program: Command): void {
  program
    .command('probe')
    .description('show what KVM offers on this host, and which dispatcher it gets')
    .option('--json', 'print the report as JSON')
    .option('--device <path>', 'the KVM device', '/dev/kvm')
    .action(printProbe);
}

async function printProbe({ json, device }: Options): Promise<void> {
  const report = probeHost({ device });
  if (json) return console.log(JSON.stringify(report, null, 2));
  const { probeTable } = await import('./probe-table.js');
  console.log(probeTable(report));
}
