/* Failures of the host programs: a message on standard error, exit status 1. */
#ifndef GUEST_DIE_H
#define GUEST_DIE_H

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, with the text of errno. */
_Noreturn void die_errno(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
