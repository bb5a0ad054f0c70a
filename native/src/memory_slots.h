/* Which mappings KVM uses as guest memory. */
#ifndef IOREGION_MEMORY_SLOTS_H
#define IOREGION_MEMORY_SLOTS_H

#include "mapping.h"

/* Drops every record, and with it every pin, of a mapping. */
void memory_slots_forget_mapping(struct mapping *mapping);

#endif
