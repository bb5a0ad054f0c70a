/** Hosts with io_uring, and a host without. */
import { FileIo, Memfd } from 'ioregion/native';
import { compileC } from './c-program.js';
import type { Requirement } from './require.js';

export const ioUring: Requirement = () => {
  using file = Memfd.create({ name: 'probe', size: 4096 });
  try {
    FileIo.open(file, { slots: 1, segmentsPerSlot: 1, engine: 'uring' }).close();
    return undefined;
  } catch (error) {
    return `no io_uring (${(error as Error).message})`;
  }
};

/** Both ways of doing I/O, with what each needs of the host. */
export const FILE_IO_ENGINES: readonly { engine: 'sync' | 'uring'; needs: readonly Requirement[] }[] = [
  { engine: 'sync', needs: [] },
  { engine: 'uring', needs: [ioUring] },
];

/** A launcher (see runScript) under which io_uring_setup fails with EPERM, as container runtimes have it. */
export function compileWithoutIoUring(directory: string): string {
  return compileC(SECCOMP_LAUNCHER, directory);
}

const SECCOMP_LAUNCHER = `
  #include <errno.h>
  #include <linux/filter.h>
  #include <linux/seccomp.h>
  #include <stddef.h>
  #include <stdio.h>
  #include <sys/prctl.h>
  #include <sys/syscall.h>
  #include <unistd.h>

  int main(int count, char **arguments) {
    struct sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof rules / sizeof rules[0], rules};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
      perror("prctl");
      return 126;
    }
    execv(arguments[1], arguments + 1);
    perror("execv");
    return 127;
  }`;
