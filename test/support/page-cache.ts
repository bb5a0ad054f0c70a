/** What of a file is only in the page cache, by cachestat(2). */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileC } from './c-program.js';
import type { Requirement } from './require.js';

const PAGE = 4096;

const SOURCE = `
  #include <fcntl.h>
  #include <stdint.h>
  #include <stdio.h>
  #include <unistd.h>

  #define SYS_CACHESTAT 451

  int main(int count, char **arguments) {
    struct { uint64_t offset, length; } all = {0, 0};
    struct { uint64_t cached, dirty, writeback, evicted, recently_evicted; } state;
    int fd = open(arguments[1], O_RDONLY);
    if (fd < 0 || syscall(SYS_CACHESTAT, fd, &all, &state, 0) != 0) {
      perror("cachestat");
      return 1;
    }
    printf("%lu", (unsigned long)(state.dirty + state.writeback));
    return 0;
  }`;

/** Counts pages that a power cut would take: dirty, or on their way to the disk. */
export class PageCache {
  readonly #program: string;

  constructor(directory: string) {
    this.#program = compileC(SOURCE, directory);
  }

  unsafePages(path: string): number {
    return Number(execFileSync(this.#program, [path], { encoding: 'utf8', timeout: 10_000, stdio: 'pipe' }));
  }
}

/** A file system under `parent` that keeps writes in memory for a while, and a kernel that tells. */
export function writeBackCache(parent: string): Requirement {
  return () => {
    const directory = mkdtempSync(join(parent, 'ioregion-cache-'));
    try {
      const path = join(directory, 'probe');
      writeFileSync(path, new Uint8Array(16 * PAGE));
      return new PageCache(directory).unsafePages(path) > 0 ? undefined : `${parent} has no write-back cache`;
    } catch (error) {
      return `no cachestat (${(error as Error).message.split('\n')[0]})`;
    } finally {
      rmSync(directory, { recursive: true });
    }
  };
}
