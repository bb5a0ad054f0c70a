/* The device's side of a socket: serves commands until the other end closes. */
#ifndef REFERENCE_DEVICE_SERVER_H
#define REFERENCE_DEVICE_SERVER_H

#include <stdbool.h>

/* One command to a read(2), as the caller waits for each response; or, where posted, up to 64 to a recvmmsg(2). */
void serve_device(int socket, bool posted);

#endif
