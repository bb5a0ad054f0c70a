/** A guest that migrates from one QEMU to another while it runs. */
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { GuestConsole } from './guest-console.js';
import type { QemuGuest } from './qemu.js';

const LOOK_MS = 20;

/** What QEMU says of a migration (query-migrate). */
export interface MigrationFigures {
  readonly status: string;
  /** ms */
  readonly 'total-time': number;
  /** ms */
  readonly downtime: number;
  readonly 'error-desc'?: string;
  readonly ram: {
    /** Bytes. */
    readonly transferred: number;
    /** How often all of the memory was looked through. */
    readonly 'dirty-sync-count': number;
  };
}

/** What a guest prints, here and there, as one console; lines for it go to the target. */
export function migratingConsole(source: QemuGuest, target: QemuGuest): GuestConsole {
  const both = new PassThrough().setEncoding('utf8');
  for (const { process } of [source, target]) process.child.stdout!.pipe(both, { end: false });
  return new GuestConsole(target.process, both);
}

/** Migrates the guest to a QEMU that waits at `socket`, at most at this pace; resolves when it runs there. */
export async function migrate(source: QemuGuest, socket: string, bytesPerSecond: number): Promise<MigrationFigures> {
  const qmp = await source.qmp();
  await qmp.execute('migrate-set-parameters', { 'max-bandwidth': bytesPerSecond });
  await qmp.execute('migrate', { uri: `unix:${socket}` });
  for (;;) {
    const figures = await qmp.execute<MigrationFigures>('query-migrate');
    if (figures.status === 'completed') {
      qmp.close();
      return figures;
    }
    if (figures.status === 'failed' || figures.status === 'cancelled')
      throw new Error(`the migration has ${figures.status}: ${figures['error-desc']}`);
    await delay(LOOK_MS);
  }
}
