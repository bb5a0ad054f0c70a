/** Programs that run with some system calls failing, by seccomp: hosts that forbid them, and disks that break. */
import { compileC } from './c-program.js';

export interface FailingSyscall {
  /** As in `SYS_…`. */
  readonly name: string;
  /** As in errno.h. */
  readonly error: string;
}

/** Compiles a launcher (see runScript) under which these system calls fail. */
export function compileFailing(directory: string, calls: readonly FailingSyscall[]): string {
  const rules = calls.map(
    ({ name, error }) => `
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_${name}, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ${error}),`,
  );
  return compileC(launcher(rules.join('')), directory);
}

const launcher = (rules: string) => `
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
      ${rules}
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
