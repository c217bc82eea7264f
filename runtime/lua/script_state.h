/* The inside of a script, shared by the files of this folder only; see script.h.
 *
 * At most one callback runs at a time: nodes call Lua, Lua returns, and only then records go on to
 * the children. So one set of fields describes "the current callback", and views of its record need
 * only remember its generation.
 *
 * Keeps:  (1) `context` is NULL outside callbacks; emits and stores are then refused;
 *         (2) `generation` is another one in every callback; views of older ones are expired.
 * Thread: the script's. */
#pragma once

#include "log/base/arena.h"
#include "runtime/format/decoded.h"
#include "runtime/format/json_patch.h"
#include "runtime/format/sketch.h"
#include "runtime/lua/heap.h"
#include "runtime/lua/script.h"
#include "runtime/lua/watchdog.h"

#include <lauxlib.h>
#include <lua.h>

/* The fields of a record view; their names are interned once and compared by address. */
enum script_name {
    SCRIPT_KEY,
    SCRIPT_KEY_JSON,
    SCRIPT_VALUE,
    SCRIPT_JSON,
    SCRIPT_TS,
    SCRIPT_TOPIC,
    SCRIPT_PARTITION,
    SCRIPT_OFFSET,
    SCRIPT_HEADERS,
    SCRIPT_BYTES,
    SCRIPT_WINDOW_START,
    SCRIPT_WINDOW_END,
    SCRIPT_NAME_COUNT,
};

/* Keys of the registry: the address of an element. */
enum script_key {
    SCRIPT_RECORD_META,
    SCRIPT_JSON_META,
    SCRIPT_HEADERS_META,
    SCRIPT_STORE_META,
    SCRIPT_VERSIONED_META,
    SCRIPT_TABLE_META,
    SCRIPT_WINDOW_META,
    SCRIPT_SESSION_META,
    SCRIPT_ITERATOR_META,
    SCRIPT_ARRAY_META,
    SCRIPT_ENVIRONMENT, /* what the script sees as _ENV */
    SCRIPT_GLOBALS,     /* the table behind it */
    SCRIPT_LIBRARY,     /* require "tidemill" */
    SCRIPT_MODULES,     /* what was required, by name */
    SCRIPT_TESTS,       /* name, function, name, function, ... */
    SCRIPT_HOST,        /* finishes what a file returned */
    SCRIPT_KEY_COUNT,
};

enum { SCRIPT_SCRATCH_SIZE = 1 << 18 }; /* of one buffer; what is larger is the script's memory */

struct script_record {
    const struct record *original; /* NULL: no record in this callback */
    struct record record;          /* with the changes made so far, but for those in `json` */
    bool is_changed;
    bool is_parsed;
    struct json_patch json; /* its memory is the heap's */
};

struct script {
    struct watchdog watchdog; /* first: found through the state's extra space */
    lua_State *lua;
    struct heap heap;
    struct script_options options; /* its pointers are good only while loading */
    struct script_limits limits;
    char *name;
    struct arena arena; /* what lives as long as the script */
    struct topology *topology;
    struct script_connector *connectors;
    size_t connector_count;
    const struct value_format **formats; /* opened by the plan */
    size_t format_count;
    struct script_aggregator_owner *aggregators; /* opened by the plan, too */
    size_t aggregator_count;
    struct script_migration *migrations; /* of stores whose values have versions */
    size_t migration_count;
    bool is_loaded;
    struct node_usage **usages; /* one for each node that was called */
    size_t usage_count;
    const char *names[SCRIPT_NAME_COUNT];

    uint64_t generation;
    uint64_t callback; /* counts callbacks */
    struct node_context *context;
    struct node *node;
    struct script_record current;
    size_t emit_count;
    size_t emit_size;
    size_t store_size;      /* written to stores by this callback */
    size_t copy_size;       /* bytes copied into the arena of the record */
    const char *error_kind; /* set by who raises an error that is not simply "process" */
    struct record *pending; /* records to forward when the callback has returned */
    size_t pending_count;
    size_t pending_capacity;
    struct kv *expiring;        /* the view of the store with a ttl that was used last; or NULL */
    struct kv_windows *windows; /* of the store with windows that was used last; or NULL */
    struct kv_iterator **iterators; /* opened by this callback */
    size_t iterator_count;
    size_t open_iterator_count; /* of those, not at their end */
    size_t iterator_capacity;
    struct buffer buffers[3];  /* scratch that outlives a raised error; see script_scratch */
    size_t scratch_size;       /* of it, what the heap counts */
    struct json stored;        /* tokens of what script_parse read; counted by the heap */
    struct sketch sketches[2]; /* scratch, like the buffers */
    struct decoded decoded;    /* of values that are not the source's */
    size_t test_count;
    const struct script_test_host *test_host; /* while a test runs, else NULL */
    void *test_owner;
    bool is_test_begun;
};

extern const char script_keys[SCRIPT_KEY_COUNT];

static inline struct script *script_of(lua_State *lua)
{
    return (struct script *)(void *)watchdog_of(lua);
}

static inline void script_push_registered(lua_State *lua, enum script_key key)
{
    lua_rawgetp(lua, LUA_REGISTRYINDEX, &script_keys[key]);
}

/* Pops a value into the registry. */
static inline void script_register(lua_State *lua, enum script_key key)
{
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &script_keys[key]);
}

/* Whether the value has this metatable. */
bool script_has_meta(lua_State *lua, int index, enum script_key key);
/* Raises an error of a kind ("decode", "encode", "emit"). */
__attribute__((format(printf, 3, 4), noreturn)) void script_fail(lua_State *lua, const char *kind,
                                                                 const char *format, ...);
/* One of three cleared buffers, which stay the script's when an error is raised. */
struct buffer *script_scratch(struct script *script, int index);
/* Whoever lets scratch grow by what a script says calls this now and then. Large scratch counts as
 * the script's memory until script_trim; an error is raised where the heap has no room for it. */
void script_count_scratch(lua_State *lua);
/* A copy that lives as long as the record is processed. What one callback copies counts against the
 * limit of memory; past it an error is raised. Null stays null. */
struct bytes script_copy(lua_State *lua, struct bytes view);
/* Reads JSON into `stored`: as json_parse, but raises an error when the heap has no room for the
 * tokens or the callback is late. */
must_use int script_parse(lua_State *lua, struct bytes text);
/* Gives the memory of many tokens and of large scratch back; after each callback, too. */
void script_trim(struct script *script);
/* After a callback: forgets the JSON of its record as well. */
void script_forget_record(struct script *script);
/* Splits "app.lua:12: text": copies the place, empty when there is none, and returns the text. */
const char *script_split_message(const char *message, char *place, size_t place_size);
/* The context of the current callback; raises an error outside one. */
struct node_context *script_context(lua_State *lua, const char *what);
