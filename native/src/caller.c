#include "caller.h"

#include "channel_io.h"
#include "claim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int caller_init(struct caller *caller, struct dispatcher *dispatcher) {
  memset(caller, 0, sizeof *caller);
  caller->area = calloc(1, sizeof *caller->area);
  if (caller->area == NULL) return ENOMEM;
  shared_acquire(&dispatcher->shared);
  caller->dispatcher = dispatcher;
  caller->removals_seen = atomic_load(&dispatcher->removals);
  pthread_mutex_lock(&dispatcher->lock);
  caller->next = dispatcher->callers;
  dispatcher->callers = caller;
  pthread_mutex_unlock(&dispatcher->lock);
  return 0;
}

/* Forgets the access, not its region. */
static STEP enum outcome finish(struct caller *caller, enum outcome outcome) {
  struct region *region = caller->region;
  caller->region = NULL;
  caller->stage = STAGE_IDLE;
  claim_keep(caller, region);
  return outcome;
}

/* The value a bus without a device returns. */
static UNUSUAL enum outcome finish_all_ones(struct caller *caller) {
  struct access *access = &caller->access;
  if (!access->write) access->value = access->size == 8 ? UINT64_MAX : (1ull << (access->size * 8)) - 1;
  atomic_fetch_add_explicit(&caller->region->stats.ended, 1, memory_order_relaxed);
  return finish(caller, OUTCOME_DONE);
}

static STEP void stop_waiting(struct caller *caller) {
  atomic_store_explicit(&caller->wait_deadline_ms, 0, memory_order_relaxed);
}

/* What an access that ends in the middle leaves on the channel for the next one. */
static UNUSUAL void leave_channel(struct caller *caller, struct channel *channel) {
  if (caller->stage == STAGE_RECEIVE) {
    channel->owed = MESSAGE_BYTES - caller->moved;
  } else if (caller->stage == STAGE_DRAIN) {
    channel->owed = MESSAGE_BYTES - caller->moved;
  } else if (caller->stage == STAGE_SEND && caller->moved > 0) {
    atomic_store(&channel->failure, FAILURE_TORN);
  }
  channel_unlock(channel);
}

static UNUSUAL void record_failure(struct caller *caller, enum failure reason, int error, bool first) {
  const struct access *access = &caller->access;
  struct region *region = caller->region;
  struct caller_area *area = caller->area;
  area->reason = reason;
  area->error = (uint32_t)error;
  area->region_id = region->id;
  area->first = first;
  area->failed_address_low = (uint32_t)access->address;
  area->failed_address_high = (uint32_t)(access->address >> 32);
  area->failed_size = access->size;
  area->failed_flags = (access->write ? 1u : 0u) | (access->space == SPACE_PIO ? 2u : 0u);
  area->failed_value_low = (uint32_t)access->value;
  area->failed_value_high = (uint32_t)(access->value >> 32);
  area->user_data_low = (uint32_t)region->user_data;
  area->user_data_high = (uint32_t)(region->user_data >> 32);
  area->policy = region->policy;
  area->sent = caller->stage == STAGE_RECEIVE;
}

/* An access met a failed channel: told once, then ended quietly where the policy is to go on. */
static UNUSUAL enum outcome report(struct caller *caller, enum failure reason, int error, bool first) {
  struct region *region = caller->region;
  if (!first && region->policy == POLICY_ALL_ONES) return finish_all_ones(caller);
  record_failure(caller, reason, error, first);
  atomic_fetch_add_explicit(&region->stats.failures, 1, memory_order_relaxed);
  caller->stage = STAGE_FAILED;
  return OUTCOME_FAILED;
}

/* The peer broke the protocol or is gone: nothing more goes through this channel, so nothing stale comes out of it. */
static UNUSUAL enum outcome fail_channel(struct caller *caller, enum failure reason, int error) {
  struct channel *channel = caller->region->channel;
  stop_waiting(caller);
  channel->failure_errno = error;
  atomic_store(&channel->failure, reason);
  bool first = atomic_exchange(&channel->reported, 1) == 0;
  channel_unlock(channel);
  return report(caller, reason, error, first);
}

/* The region is gone: this access fails, the channel lives on for the other regions that share it. */
static UNUSUAL enum outcome fail_removed(struct caller *caller) {
  stop_waiting(caller);
  if (caller->stage != STAGE_LOCK) leave_channel(caller, caller->region->channel);
  record_failure(caller, FAILURE_REMOVED, 0, true);
  caller->stage = STAGE_FAILED;
  return OUTCOME_FAILED;
}

/* A remover that has not seen the caller parked has set `removed` before: nobody else would free the channel. */
static UNUSUAL enum outcome park(struct caller *caller) {
  pthread_mutex_lock(&caller->dispatcher->lock);
  bool removed = atomic_load(&caller->region->removed);
  stop_waiting(caller);
  caller->parked = !removed;
  pthread_mutex_unlock(&caller->dispatcher->lock);
  if (removed) return fail_removed(caller); /* the kick is for the next access */
  atomic_fetch_and(&caller->stop.word, ~(uint32_t)STOP_KICK);
  return OUTCOME_INTERRUPTED;
}

/* Looks at why a wait ended. True: `*outcome` is what to return. False: go on. */
static UNUSUAL bool handle_stop(struct caller *caller, enum outcome *outcome) {
  uint32_t bits = atomic_load(&caller->stop.word);
  if (bits & STOP_REMOVED) atomic_fetch_and(&caller->stop.word, ~(uint32_t)STOP_REMOVED);
  if (bits & STOP_EXPIRED) atomic_fetch_and(&caller->stop.word, ~(uint32_t)STOP_EXPIRED);
  if (atomic_load(&caller->region->removed)) {
    *outcome = fail_removed(caller);
    return true;
  }
  bool same_wait = atomic_load(&caller->expired_sequence) == atomic_load(&caller->wait_sequence);
  if ((bits & STOP_EXPIRED) && same_wait && caller->stage > STAGE_LOCK) {
    *outcome = fail_channel(caller, FAILURE_DEADLINE, ETIMEDOUT);
    return true;
  }
  if (!(bits & (STOP_KICK | STOP_FOREVER))) return false;
  *outcome = park(caller);
  return true;
}

static void store64(uint8_t *to, uint64_t value) { memcpy(to, &value, sizeof value); }

/* The v3 layout; every unused bit zero. */
static STEP void build_command(struct caller *caller) {
  const struct access *access = &caller->access;
  const struct region *region = caller->region;
  bool response = !(access->write && (region->flags & REGION_POSTED_WRITES));
  memset(caller->message, 0, MESSAGE_BYTES);
  caller->message[0] = access->write ? 1 : 0;
  caller->message[1] = (uint8_t)((region->size == 0 ? 0 : __builtin_ctz(access->size)) | (response ? 0x10 : 0));
  store64(caller->message + 8, region->user_data);
  store64(caller->message + 16, region->size == 0 ? 0 : access->address - region->gpa);
  store64(caller->message + 24, access->write ? access->value : 0);
}

static STEP bool posted(const struct caller *caller) {
  return caller->access.write && (caller->region->flags & REGION_POSTED_WRITES);
}

/* Also after a kick: it is still the same wait, so that kicks do not put the deadline off. */
static STEP void go_on_waiting(struct caller *caller) {
  atomic_store_explicit(&caller->wait_deadline_ms, caller->region->deadline_ms, memory_order_relaxed);
}

static STEP void start_waiting(struct caller *caller) {
  uint32_t sequence = atomic_load_explicit(&caller->wait_sequence, memory_order_relaxed);
  atomic_store_explicit(&caller->wait_sequence, sequence + 1, memory_order_relaxed);
  go_on_waiting(caller);
}

/* With the channel locked: chooses the next stage, or ends the access. True: `*outcome` is what to return. */
static STEP bool enter_channel(struct caller *caller, enum outcome *outcome) {
  struct channel *channel = caller->region->channel;
  enum failure failure = atomic_load_explicit(&channel->failure, memory_order_relaxed);
  bool removed = atomic_load(&caller->region->removed);
  if (RARELY(removed || failure != FAILURE_NONE)) {
    int error = channel->failure_errno;
    bool first = !removed && atomic_exchange(&channel->reported, 1) == 0;
    channel_unlock(channel);
    *outcome = removed ? fail_removed(caller) : report(caller, failure, error, first);
    return true;
  }
  caller->moved = RARELY(channel->owed > 0) ? MESSAGE_BYTES - channel->owed : 0;
  caller->stage = RARELY(channel->owed > 0) ? STAGE_DRAIN : STAGE_SEND;
  start_waiting(caller);
  return false;
}

/* With the channel locked: nobody else counts the accesses of its regions meanwhile. */
static STEP void count(_Atomic uint64_t *counter) {
  atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
}

static STEP enum outcome complete(struct caller *caller) {
  struct access *access = &caller->access;
  struct region_stats *stats = &caller->region->stats;
  stop_waiting(caller);
  if (!access->write) {
    memcpy(&access->value, caller->message, sizeof access->value);
    if (access->size < 8) access->value &= (1ull << (access->size * 8)) - 1;
  }
  count(access->write ? &stats->writes : &stats->reads);
  channel_unlock(caller->region->channel);
  return finish(caller, OUTCOME_DONE);
}

static STEP enum outcome complete_posted(struct caller *caller) {
  stop_waiting(caller);
  count(&caller->region->stats.posted);
  channel_unlock(caller->region->channel);
  return finish(caller, OUTCOME_DONE);
}

static UNUSUAL enum outcome fail_errno(struct caller *caller, int error) {
  bool closed = error == EPIPE || error == ECONNRESET || error == ENOTCONN;
  return fail_channel(caller, closed ? FAILURE_PEER_CLOSED : FAILURE_IO, error);
}

static STEP bool lock_step(struct caller *caller, enum outcome *outcome) {
  if (RARELY(channel_lock(caller->region->channel, &caller->stop.word) != 0)) return handle_stop(caller, outcome);
  return enter_channel(caller, outcome);
}

static STEP void begin_command(struct caller *caller) {
  build_command(caller);
  caller->moved = 0;
  caller->stage = STAGE_SEND;
}

static STEP bool send_step(struct caller *caller, enum outcome *outcome) {
  struct channel *channel = caller->region->channel;
  if (USUALLY(caller->moved == 0)) {
    begin_command(caller);
    /* Each time: a peer that is awake, or that sending wakes on this CPU, could read the command before we receive. */
    if (!posted(caller) && !caller->region->trusted && channel_has_surplus(channel)) {
      *outcome = fail_channel(caller, FAILURE_UNSOLICITED, EPROTO);
      return true;
    }
  }
  long rc = channel_send(channel, &caller->stop.word, caller->message + caller->moved, MESSAGE_BYTES - caller->moved);
  if (RARELY(rc == -EINTR)) return handle_stop(caller, outcome);
  if (RARELY(rc < 0)) {
    *outcome = fail_errno(caller, (int)-rc);
    return true;
  }
  caller->moved += (uint32_t)rc;
  if (RARELY(caller->moved < MESSAGE_BYTES)) return false;
  if (posted(caller)) {
    *outcome = complete_posted(caller);
    return true;
  }
  caller->moved = 0;
  caller->stage = STAGE_RECEIVE;
  return false;
}

/* Anything but the rest of the message. */
static UNUSUAL bool received_otherwise(struct caller *caller, long rc, uint32_t wanted, enum outcome *outcome) {
  if (rc == -EINTR) return handle_stop(caller, outcome);
  if (rc < 0) *outcome = fail_errno(caller, (int)-rc);
  else if (rc == 0) *outcome = fail_channel(caller, caller->moved > 0 ? FAILURE_SHORT_RESPONSE : FAILURE_PEER_CLOSED, 0);
  else if (rc > (long)wanted) *outcome = fail_channel(caller, FAILURE_LONG_RESPONSE, EMSGSIZE);
  else if (caller->region->channel->responses.kind == FILE_PACKET_SOCKET)
    *outcome = fail_channel(caller, FAILURE_SHORT_RESPONSE, EPROTO);
  else {
    caller->moved += (uint32_t)rc;
    return false;
  }
  return true;
}

/* Receives into `message`. True: `*outcome` is what to return. False: go on (look at `moved`). */
static STEP bool receive_bytes(struct caller *caller, enum outcome *outcome) {
  struct channel *channel = caller->region->channel;
  uint32_t wanted = MESSAGE_BYTES - caller->moved;
  long rc = channel_receive(channel, &caller->stop.word, caller->message + caller->moved, wanted);
  if (USUALLY(rc == (long)wanted)) {
    caller->moved = MESSAGE_BYTES;
    return false;
  }
  return received_otherwise(caller, rc, wanted, outcome);
}

static bool drain_step(struct caller *caller, enum outcome *outcome) {
  struct channel *channel = caller->region->channel;
  if (receive_bytes(caller, outcome)) return true;
  channel->owed = MESSAGE_BYTES - caller->moved;
  if (channel->owed > 0) return false;
  caller->moved = 0;
  caller->stage = STAGE_SEND;
  return false;
}

static STEP bool receive_step(struct caller *caller, enum outcome *outcome) {
  struct channel *channel = caller->region->channel;
  if (RARELY(receive_bytes(caller, outcome))) return true;
  if (RARELY(caller->moved < MESSAGE_BYTES)) return false;
  bool stale = !caller->region->trusted && channel_has_unread(channel);
  *outcome = stale ? fail_channel(caller, FAILURE_UNSOLICITED, EPROTO) : complete(caller);
  return true;
}

static UNUSUAL enum outcome advance(struct caller *caller) {
  enum outcome outcome = OUTCOME_DONE;
  bool ended = false;
  while (!ended) {
    switch (caller->stage) {
      case STAGE_LOCK: ended = lock_step(caller, &outcome); break;
      case STAGE_DRAIN: ended = drain_step(caller, &outcome); break;
      case STAGE_SEND: ended = send_step(caller, &outcome); break;
      case STAGE_RECEIVE: ended = receive_step(caller, &outcome); break;
      default: return OUTCOME_FAILED;
    }
  }
  return outcome;
}

/* The way of an access that meets nothing unusual, straight on, in the steps of `advance`, which takes it up from whatever stage it comes to. */
static inline enum outcome usual(struct caller *caller) {
  enum outcome outcome;
  if (RARELY(lock_step(caller, &outcome))) return outcome;
  if (RARELY(caller->stage != STAGE_SEND)) return advance(caller);
  if (send_step(caller, &outcome)) return outcome;
  if (RARELY(caller->stage != STAGE_RECEIVE)) return advance(caller);
  if (USUALLY(receive_step(caller, &outcome))) return outcome;
  return advance(caller);
}

/* `removed` is looked at after the claim: a remover sees that, or we see it removed. */
enum outcome caller_access(struct caller *caller, const struct access *access) {
  struct region *region = claim_again(caller, access);
  if (RARELY(region == NULL) && (region = claim_anew(caller, access)) == NULL) return OUTCOME_UNHANDLED;
  caller->access = *access;
  caller->stage = STAGE_LOCK;
  caller->region = region;
  return usual(caller);
}

void caller_region_removed(struct caller *caller, struct region *region) {
  if (!claim_take_away(caller, region)) return;
  if (!caller->parked) stop_raise(&caller->stop, STOP_REMOVED);
  else if (caller->stage != STAGE_FAILED) fail_removed(caller);
}

static void unpark(struct caller *caller) {
  pthread_mutex_lock(&caller->dispatcher->lock);
  caller->parked = false;
  pthread_mutex_unlock(&caller->dispatcher->lock);
}

enum outcome caller_resume(struct caller *caller) {
  unpark(caller);
  if (caller->stage > STAGE_LOCK && caller->stage < STAGE_FAILED) go_on_waiting(caller);
  return advance(caller);
}

enum outcome caller_resolve(struct caller *caller, bool retry) {
  unpark(caller); /* where the region was removed while it was parked */
  if (!retry) return finish_all_ones(caller);
  struct access access = caller->access;
  finish(caller, OUTCOME_DONE);
  return caller_access(caller, &access);
}

void caller_end(struct caller *caller) {
  struct dispatcher *dispatcher = caller->dispatcher;
  if (dispatcher == NULL) return;
  pthread_mutex_lock(&dispatcher->lock);
  struct caller **link = &dispatcher->callers;
  while (*link != caller) link = &(*link)->next;
  *link = caller->next;
  pthread_mutex_unlock(&dispatcher->lock);
  if (caller->stage > STAGE_LOCK && caller->stage < STAGE_FAILED) leave_channel(caller, caller->region->channel);
  if (caller->stage != STAGE_IDLE) finish(caller, OUTCOME_DONE);
  claim_drop(caller);
  caller->dispatcher = NULL;
  shared_release(&dispatcher->shared);
}

void caller_free(struct caller *caller) {
  caller_end(caller);
  free(caller->area);
}
