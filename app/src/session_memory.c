#include "session_memory.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

/* A table that cannot grow refuses the newcomer; by default it would end the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "metrics.h"

struct entry {
    char key[SECRET_HASH_CHARS + 1];
    int64_t expires_us;
    struct session session;
    UT_hash_handle hh;
};

struct session_memory {
    unsigned most;
    int64_t idle_us;

    pthread_mutex_t lock;  /* guards what follows */
    struct entry *entries; /* in the order in which they were seen last, which is that of their expiry */
};

struct session_memory *session_memory_new(unsigned most, int64_t idle_ms) {
    struct session_memory *memory = calloc(1, sizeof *memory);
    if (memory != NULL) {
        memory->most = most;
        memory->idle_us = idle_ms * 1000;
        pthread_mutex_init(&memory->lock, NULL);
    }
    return memory;
}

static void drop(struct session_memory *memory, struct entry *entry) {
    HASH_DEL(memory->entries, entry);
    assert(memory->entries != entry); /* which clang-tidy does not see by itself */
    free(entry);
    metrics_set(METRIC_SESSIONS, HASH_COUNT(memory->entries));
}

void session_memory_free(struct session_memory *memory) {
    if (memory == NULL) {
        return;
    }
    while (memory->entries != NULL) {
        drop(memory, memory->entries);
    }
    pthread_mutex_destroy(&memory->lock);
    free(memory);
}

/* Puts an entry last in line. False: the table has no memory for it, and does not hold it. */
static bool put_last(struct session_memory *memory, struct entry *entry, int64_t now_us) {
    entry->expires_us = now_us + memory->idle_us;
    HASH_ADD(hh, memory->entries, key, SECRET_HASH_CHARS, entry);
    metrics_set(METRIC_SESSIONS, HASH_COUNT(memory->entries));
    return entry->hh.tbl != NULL;
}

static void drop_expired(struct session_memory *memory, int64_t now_us) {
    while (memory->entries != NULL && memory->entries->expires_us <= now_us) {
        drop(memory, memory->entries);
    }
}

/* The entry under key, which is then last in line, or NULL. With the lock. */
static struct entry *see(struct session_memory *memory, const char *key, int64_t now_us) {
    struct entry *entry;
    drop_expired(memory, now_us);
    HASH_FIND(hh, memory->entries, key, SECRET_HASH_CHARS, entry);
    if (entry == NULL) {
        return NULL;
    }
    HASH_DEL(memory->entries, entry);
    if (!put_last(memory, entry, now_us)) {
        free(entry);
        return NULL;
    }
    return entry;
}

enum status session_memory_load(struct session_memory *memory, const char key[static SECRET_HASH_CHARS + 1],
                                int64_t now_us, struct session *out) {
    pthread_mutex_lock(&memory->lock);
    const struct entry *entry = see(memory, key, now_us);
    if (entry != NULL) {
        *out = entry->session;
    }
    pthread_mutex_unlock(&memory->lock);
    return entry != NULL ? STATUS_OK : STATUS_NOT_FOUND;
}

enum status session_memory_create(struct session_memory *memory, const char key[static SECRET_HASH_CHARS + 1],
                                  int64_t now_us, const struct session *session) {
    struct entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL) {
        return STATUS_NO_MEMORY;
    }
    strcpy(entry->key, key);
    entry->session = *session;
    pthread_mutex_lock(&memory->lock);
    drop_expired(memory, now_us);
    if (HASH_COUNT(memory->entries) >= memory->most) {
        drop(memory, memory->entries);
    }
    bool kept = put_last(memory, entry, now_us);
    pthread_mutex_unlock(&memory->lock);
    if (!kept) {
        free(entry);
    }
    return kept ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status session_memory_update(struct session_memory *memory, const char key[static SECRET_HASH_CHARS + 1],
                                  int64_t now_us, const struct session *session) {
    pthread_mutex_lock(&memory->lock);
    struct entry *entry = see(memory, key, now_us);
    if (entry != NULL) {
        entry->session = *session;
    }
    pthread_mutex_unlock(&memory->lock);
    return entry != NULL ? STATUS_OK : STATUS_NOT_FOUND;
}

void session_memory_remove(struct session_memory *memory, const char key[static SECRET_HASH_CHARS + 1]) {
    struct entry *entry;
    pthread_mutex_lock(&memory->lock);
    HASH_FIND(hh, memory->entries, key, SECRET_HASH_CHARS, entry);
    if (entry != NULL) {
        drop(memory, entry);
    }
    pthread_mutex_unlock(&memory->lock);
}
