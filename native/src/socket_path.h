/* Unix stream sockets with a name in the file system. */
#ifndef IOREGION_SOCKET_PATH_H
#define IOREGION_SOCKET_PATH_H

#include <sys/types.h>
#include <sys/un.h>

#define SOCKET_PATH_CAPACITY sizeof(((struct sockaddr_un *)0)->sun_path)

/*
 * A listening, non-blocking, close-on-exec socket at `path`. A socket left behind by a dead server is replaced, one in
 * use never: EADDRINUSE. On failure -1 with errno, and in `failed` the step that failed.
 */
int socket_path_listen(const char *path, mode_t mode, int backlog, const char **failed);
/* A connected close-on-exec socket, or -1 with errno. `flags`: 0 or SOCK_NONBLOCK. */
int socket_path_connect(const char *path, int flags);

#endif
