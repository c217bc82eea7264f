/* Reads the tables that the library wrote, field by field, into a plan.
 *
 * A script can forge these tables, so nothing in them is believed. The table being read is on top
 * of the stack; fields are read without metamethods, which would be the script's. Texts and lists
 * are copied into the script's arena. What is wrong raises a Lua error; a wrong word of a person
 * fills the report first.
 *
 * Thread: the script's. */
#pragma once

#include "runtime/lua/script_node.h"
#include "runtime/lua/script_state.h"

struct plan_reader {
    lua_State *lua;
    struct script *script;
    struct report *report;
    int *ids; /* of the plan, by index in the script's list */
};

/* Unwinds; the report has the sentence. */
void plan_reader_stop(struct plan_reader *reader);
/* Unwinds when the result is an error. */
void plan_reader_check(struct plan_reader *reader, int result);

/* Pushes the field and returns its type. */
int plan_reader_push(struct plan_reader *reader, const char *name);
/* NULL when there is none. */
const char *plan_reader_string(struct plan_reader *reader, const char *name);
int64_t plan_reader_integer(struct plan_reader *reader, const char *name, int64_t fallback);
double plan_reader_number(struct plan_reader *reader, const char *name, double fallback);
bool plan_reader_boolean(struct plan_reader *reader, const char *name);
/* A reference to the function (or any other value), LUA_NOREF when there is none. */
int plan_reader_reference(struct plan_reader *reader, const char *name);
/* Pushes the list in a field; its length. 0 and an empty table when there is none. */
size_t plan_reader_list(struct plan_reader *reader, const char *name);
/* Pushes a table of the list on top. */
void plan_reader_item(struct plan_reader *reader, size_t index);
const char *const *plan_reader_strings(struct plan_reader *reader, const char *name, size_t *count);
/* The settings of a plugin in "options". */
const struct script_option *plan_reader_options(struct plan_reader *reader, size_t *count);
/* The format in "value", a JSON text; it lives as long as the script. */
const struct value_format *plan_reader_format(struct plan_reader *reader, const char *place,
                                              bool *is_given);
void plan_reader_path(struct plan_reader *reader, const char *text, const char *place);
/* "10s" is wall clock, "stream:1m" stream time. */
struct topology_timer plan_reader_interval(struct plan_reader *reader, const char *text,
                                           const char *place);

/* A span of time in milliseconds: "24h"; the second also takes "-10s". Ten years is the longest. */
int64_t plan_reader_span(struct plan_reader *reader, const char *name, const char *place,
                         int64_t fallback);
int64_t plan_reader_signed_span(struct plan_reader *reader, const char *name, const char *place,
                                int64_t fallback);
/* The topic of late records: the field `late`, or APP-late. */
const char *plan_reader_late(struct plan_reader *reader);

/* Parents of the node on top as ids of the plan; `index` is its own in the script's list. */
void plan_reader_parents(struct plan_reader *reader, struct topology_node *node, int index);
/* The function in `fn` as a node. */
struct script_node_plan *plan_reader_script(struct plan_reader *reader, enum script_node_kind kind);
/* The stores of the node; `plan` sees them by their names in the script, or is NULL. */
void plan_reader_stores(struct plan_reader *reader, struct topology_node *node,
                        struct script_node_plan *plan);
/* Each returns the node's id, or an error with the report filled. Of a grouped one the records of
 * one key are brought together first when the key was changed. */
int plan_reader_add(struct plan_reader *reader, struct topology_node *node);
int plan_reader_add_grouped(struct plan_reader *reader, struct topology_node *node);
