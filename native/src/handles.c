#include "handles.h"

#include <pthread.h>
#include <stddef.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct shared *objects;
static uint32_t last_id;
static bool exiting;

void shared_publish(struct shared *object, enum shared_kind kind, struct stop_target *stop,
                    void (*destroy)(struct shared *)) {
  object->kind = kind;
  object->stop = stop;
  object->destroy = destroy;
  object->references = 1;
  object->retired = false;
  pthread_mutex_lock(&lock);
  object->id = ++last_id;
  object->next = objects;
  objects = object;
  if (exiting && stop != NULL) stop_raise(stop, STOP_FOREVER);
  pthread_mutex_unlock(&lock);
}

static struct shared *find_locked(uint32_t id, enum shared_kind kind) {
  struct shared *object = objects;
  while (object != NULL && (object->id != id || object->kind != kind)) object = object->next;
  return object;
}

struct shared *shared_find(uint32_t id, enum shared_kind kind) {
  pthread_mutex_lock(&lock);
  struct shared *object = find_locked(id, kind);
  if (object != NULL) object->references++;
  pthread_mutex_unlock(&lock);
  return object;
}

void shared_acquire(struct shared *object) {
  pthread_mutex_lock(&lock);
  object->references++;
  pthread_mutex_unlock(&lock);
}

static void unlink_locked(struct shared *object) {
  struct shared **link = &objects;
  while (*link != object) link = &(*link)->next;
  *link = object->next;
}

void shared_release(struct shared *object) {
  pthread_mutex_lock(&lock);
  bool last = --object->references == 0;
  if (last && !object->retired) unlink_locked(object);
  pthread_mutex_unlock(&lock);
  if (last) object->destroy(object);
}

void shared_retire(struct shared *object) {
  pthread_mutex_lock(&lock);
  if (!object->retired) unlink_locked(object);
  object->retired = true;
  pthread_mutex_unlock(&lock);
}

bool shared_stop(uint32_t id, enum shared_kind kind, uint32_t bits) {
  pthread_mutex_lock(&lock);
  struct shared *object = find_locked(id, kind);
  if (object != NULL && object->stop != NULL) stop_raise(object->stop, bits);
  pthread_mutex_unlock(&lock);
  return object != NULL;
}

void shared_stop_all(void) {
  pthread_mutex_lock(&lock);
  exiting = true;
  for (struct shared *object = objects; object != NULL; object = object->next)
    if (object->stop != NULL) stop_raise(object->stop, STOP_FOREVER);
  pthread_mutex_unlock(&lock);
}
