/* A request by one plain system call: it blocks this thread, and is hard to beat where the bytes are in memory. */
#ifndef IOREGION_VECTOR_IO_H
#define IOREGION_VECTOR_IO_H

#include "file_call.h"

/* The result of the system call: bytes moved (maybe fewer than asked for), or a negative errno. */
int32_t vector_io_perform(int fd, const struct file_call *call);

/*
 * True where reads can be tried without waiting (RWF_NOWAIT): io_uring then answers from the page cache within the
 * system call that submits. Other files (tmpfs is one) have every request handed to a kernel thread.
 */
bool vector_io_can_try(int fd);

#endif
