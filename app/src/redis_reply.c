#include "redis_reply.h"

/* Only a Redis that was asked for its newer protocol says such things. */
static const char strange[] = "an answer that is neither text, number nor list";

/* hiredis takes NULL for a lack of memory, and gives the connection up; why is ours to know. */
static void *refuse(struct redis_making *making, const char *wrong) {
    making->wrong = wrong;
    return NULL;
}

static void *no_room(struct redis_making *making) {
    making->full = true;
    return NULL;
}

/* Where the piece goes: into its list, or it is the whole answer. */
static struct redis_reply *place(const redisReadTask *task) {
    struct redis_making *making = task->privdata;
    if (++making->items > REDIS_ITEMS_MAX) {
        return refuse(making, "the answer has too many items");
    }
    if (task->parent != NULL) {
        struct redis_reply *list = task->parent->obj;
        return &list->items[task->idx];
    }
    struct redis_reply *reply = arena_alloc(making->arena, sizeof *reply);
    return reply != NULL ? reply : no_room(making);
}

static void *make_text(const redisReadTask *task, char *bytes, size_t length) {
    struct redis_making *making = task->privdata;
    if (task->type != REDIS_REPLY_STRING && task->type != REDIS_REPLY_STATUS && task->type != REDIS_REPLY_ERROR) {
        return refuse(making, strange);
    }
    struct redis_reply *reply = place(task);
    const char *text = reply != NULL ? arena_copy(making->arena, bytes, length) : NULL;
    if (text == NULL) {
        return reply != NULL ? no_room(making) : NULL;
    }
    *reply = (struct redis_reply){.kind = task->type == REDIS_REPLY_ERROR ? REDIS_ERROR : REDIS_TEXT,
                                  .text = {text, length}};
    return reply;
}

static void *make_number(const redisReadTask *task, long long number) {
    struct redis_reply *reply = place(task);
    if (reply != NULL) {
        *reply = (struct redis_reply){.kind = REDIS_NUMBER, .number = number};
    }
    return reply;
}

static void *make_nil(const redisReadTask *task) {
    struct redis_reply *reply = place(task);
    if (reply != NULL) {
        *reply = (struct redis_reply){.kind = REDIS_NIL};
    }
    return reply;
}

static size_t depth_of(const redisReadTask *task) {
    size_t depth = 1;
    for (; task->parent != NULL; task = task->parent) {
        depth++;
    }
    return depth;
}

static void *make_list(const redisReadTask *task, size_t count) {
    struct redis_making *making = task->privdata;
    if (task->type != REDIS_REPLY_ARRAY) {
        return refuse(making, strange);
    }
    if (depth_of(task) > REDIS_DEPTH_MAX) {
        return refuse(making, "the lists of the answer are too deep");
    }
    struct redis_reply *reply = place(task);
    if (reply == NULL || count > REDIS_ITEMS_MAX - making->items) {
        return reply != NULL ? refuse(making, "the answer has too many items") : NULL;
    }
    struct redis_reply *items = arena_alloc(making->arena, count * sizeof *items);
    if (items == NULL) {
        return no_room(making);
    }
    *reply = (struct redis_reply){.kind = REDIS_LIST, .items = items, .count = count};
    return reply;
}

static void *refuse_double(const redisReadTask *task, double value, char *digits, size_t length) {
    (void)value;
    (void)digits;
    (void)length;
    return refuse(task->privdata, strange);
}

static void *refuse_bool(const redisReadTask *task, int value) {
    (void)value;
    return refuse(task->privdata, strange);
}

/* What is in an arena goes with it. */
static void leave(void *reply) { (void)reply; }

void redis_reply_use(redisReader *reader, struct redis_making *making) {
    static redisReplyObjectFunctions functions = {
        .createString = make_text,
        .createArray = make_list,
        .createInteger = make_number,
        .createDouble = refuse_double,
        .createNil = make_nil,
        .createBool = refuse_bool,
        .freeObject = leave,
    };
    reader->fn = &functions;
    reader->privdata = making;
}
