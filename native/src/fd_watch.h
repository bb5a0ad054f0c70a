/* Readiness of descriptors on the event loop. */
#ifndef IOREGION_FD_WATCH_H
#define IOREGION_FD_WATCH_H

#include "common.h"

/* What watchFd returns, for a descriptor that JavaScript does not see. Takes a duplicate of it. */
napi_value watch_descriptor(napi_env env, int fd, napi_value callback);

#endif
