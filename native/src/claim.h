/*
 * A caller's claim: it keeps the region of its last access, with the reference, as the next access is often its too and needs
 * neither the table's lock nor a reference of its own then.
 *
 *   0 -- claim_anew --> region | BUSY -- claim_keep --> region -- claim_again --> region | BUSY
 *
 * Nobody may keep a region that was removed. Its remover takes it from idle callers (claim_take_away); one that is busy then sees
 * the removal when its access ends (claim_keep). Whoever takes the word from `region` to something else has its reference.
 */
#ifndef IOREGION_CLAIM_H
#define IOREGION_CLAIM_H

#include "dispatcher.h"

#define CLAIM_BUSY 1u

static UNUSUAL void claim_drop(struct caller *caller) {
  caller->removals_seen = atomic_load(&caller->dispatcher->removals);
  uintptr_t held = atomic_exchange(&caller->claim, 0);
  if (held != 0) region_put((struct region *)held);
}

/* At the end of an access: in this order, so that the remover finds the claim idle, or its removal is seen here. */
static STEP void claim_keep(struct caller *caller, struct region *region) {
  atomic_store(&caller->claim, (uintptr_t)region);
  if (RARELY(atomic_load(&caller->dispatcher->removals) != caller->removals_seen)) claim_drop(caller);
}

/* The region of the last access, where it takes this one too. In one step: its remover sees it, or has taken it away. */
static STEP struct region *claim_again(struct caller *caller, const struct access *access) {
  uintptr_t held = atomic_load_explicit(&caller->claim, memory_order_relaxed);
  if (RARELY(held == 0 || !atomic_compare_exchange_strong(&caller->claim, &held, held | CLAIM_BUSY))) return NULL;
  struct region *region = (struct region *)held;
  bool taken = region_space(region->flags) == access->space && region_takes(region, access->write, access->address, access->size);
  if (USUALLY(taken)) return region;
  atomic_store(&caller->claim, 0);
  region_put(region);
  return NULL;
}

static APART struct region *claim_anew(struct caller *caller, const struct access *access) {
  struct region_table *table = &caller->dispatcher->regions;
  struct region *region = region_table_lookup(table, access->space, access->write, access->address, access->size);
  if (region != NULL) atomic_store(&caller->claim, (uintptr_t)region | CLAIM_BUSY);
  return region;
}

/* For the remover, after `removals` was counted. False: the caller has nothing to do with the region any more. */
static inline bool claim_take_away(struct caller *caller, struct region *region) {
  uintptr_t claim = (uintptr_t)region;
  if (!atomic_compare_exchange_strong(&caller->claim, &claim, 0)) return claim == ((uintptr_t)region | CLAIM_BUSY);
  region_put(region); /* the remover has one more reference */
  return false;
}

#endif
