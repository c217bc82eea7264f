/* What is deployed of an application, read from its topic and written there; see deploy.h. */
#include "runtime/main/deploy.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/text.h"
#include "runtime/cli/outcome.h"
#include "runtime/cli/sending.h"
#include "runtime/cli/topic_sweep.h"
#include "runtime/host/deployment.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DEPLOY_KEPT_MAX = 10, DEPLOY_VERSION_MAX = 1000, DEPLOY_TIMEOUT_MS = 30000 };

/* --- Reading the topic ------------------------------------------------------------------------ */

void deploy_init(struct deploy *deploy, struct errand *errand, const char *app)
{
    *deploy = (struct deploy){.errand = errand, .app = app};
    app_bundle_init(&deploy->current);
    canary_order_init(&deploy->canary);
}

void deploy_fini(struct deploy *deploy)
{
    app_bundle_fini(&deploy->current);
    canary_order_fini(&deploy->canary);
    for (size_t i = 0; i < deploy->version_count; i++) {
        app_bundle_fini(&deploy->versions[i]);
    }
    free(deploy->versions);
}

static struct app_bundle *deploy_find(struct deploy *deploy, int64_t version)
{
    for (size_t i = 0; i < deploy->version_count; i++) {
        if (deploy->versions[i].version == version) {
            return &deploy->versions[i];
        }
    }
    return NULL;
}

static void deploy_forget(struct deploy *deploy, int64_t version)
{
    struct app_bundle *found = deploy_find(deploy, version);
    if (found != NULL) {
        app_bundle_fini(found);
        deploy->version_count--;
        *found = deploy->versions[deploy->version_count];
    }
}

static void deploy_take_version(struct deploy *deploy, int64_t version, struct bytes value)
{
    struct app_bundle bundle;
    struct report ignored = {0};
    deploy_forget(deploy, version);
    app_bundle_init(&bundle);
    if (bytes_is_null(value) || app_bundle_read(&bundle, value, &ignored) != 0 ||
        bundle.version != version || deploy->version_count == DEPLOY_VERSION_MAX) {
        app_bundle_fini(&bundle);
        return;
    }
    deploy->versions =
        memory_resize(deploy->versions, (deploy->version_count + 1) * sizeof *deploy->versions);
    deploy->versions[deploy->version_count++] = bundle;
}

static void deploy_take_canary(struct deploy *deploy, struct bytes value)
{
    struct report ignored = {0};
    canary_order_fini(&deploy->canary);
    deploy->has_canary =
        !bytes_is_null(value) && canary_order_read(&deploy->canary, value, &ignored) == 0;
}

/* NAME, NAME@VERSION, or NAME@canary. */
static int deploy_take(void *owner, const struct envelope *envelope)
{
    struct deploy *deploy = owner;
    struct bytes key = envelope->record->key;
    struct bytes value = envelope->record->value;
    struct report ignored = {0};
    size_t size = strlen(deploy->app);
    if (bytes_equal_string(key, deploy->app)) {
        app_bundle_fini(&deploy->current);
        (void)!(bytes_is_null(value) || app_bundle_read(&deploy->current, value, &ignored) == 0);
    } else if (key.size > size + 1 && memcmp(key.data, deploy->app, size) == 0 &&
               key.data[size] == '@') {
        char *digits = bytes_to_string(bytes_make(key.data + size + 1, key.size - size - 1));
        int64_t version;
        if (strcmp(digits, &DEPLOYMENT_CANARY[1]) == 0) {
            deploy_take_canary(deploy, value);
        } else if (text_parse_int64(digits, &version) == 0) {
            deploy_take_version(deploy, version, value);
        }
        free(digits);
    }
    return 0;
}

static int deploy_compare(const void *left, const void *right)
{
    const struct app_bundle *one = left;
    const struct app_bundle *other = right;
    return one->version < other->version ? -1 : one->version > other->version;
}

static struct deploy_picture deploy_take_picture(const struct deploy *deploy)
{
    struct deploy_picture picture = {.current_version = deploy->current.version,
                                     .current_ms = deploy->current.at_ms};
    if (deploy->version_count > 0) {
        picture.newest_version = deploy->versions[deploy->version_count - 1].version;
    }
    if (deploy->has_canary) {
        picture.canary_version = deploy->canary.bundle.version;
        picture.canary_ms = deploy->canary.at_ms;
        picture.canary_state = deploy->canary.state;
    }
    return picture;
}

int deploy_read(struct deploy *deploy)
{
    const char *name = DEPLOYMENT_TOPIC;
    const struct topic_choice_flags flags = {.may_miss = true};
    const struct flag_list words = {.items = &name, .count = 1};
    struct topic_choice choice;
    struct topic_sweep_range *ranges;
    int code = topic_choice_partitions(deploy->errand, &flags, &words, &choice);
    deploy->has_topic = code == COMMAND_OK && choice.count > 0;
    if (!deploy->has_topic) {
        return code;
    }
    code = topic_sweep_ranges(deploy->errand, &choice, &ranges);
    if (code != COMMAND_OK) {
        return code;
    }
    int error = topic_sweep_run(deploy->errand, ranges, choice.count, deploy_take, deploy);
    if (deploy->version_count > 0) {
        qsort(deploy->versions, deploy->version_count, sizeof *deploy->versions, deploy_compare);
    }
    deploy->picture = deploy_take_picture(deploy);
    return error == 0 ? COMMAND_OK : errand_fail(deploy->errand, error, "reading what is deployed");
}

/* --- Writing it ------------------------------------------------------------------------------- */

static int deploy_make_topic(struct deploy *deploy)
{
    struct create_topics_request_config config = {.name = BYTES_LITERAL("cleanup.policy"),
                                                  .value = BYTES_LITERAL("compact")};
    struct create_topics_request_topic topic = {.name = BYTES_LITERAL(DEPLOYMENT_TOPIC),
                                                .partition_count = 1,
                                                .replication_factor = -1,
                                                .configs = {.items = &config, .count = 1}};
    struct create_topics_request request = {.topics = {.items = &topic, .count = 1},
                                            .timeout_ms = DEPLOY_TIMEOUT_MS};
    const void *found;
    int error =
        errand_call(deploy->errand, CLIENT_CONTROLLER, API_CREATE_TOPICS, -1, &request, &found);
    if (error != 0) {
        return errand_fail(deploy->errand, error, "making the topic " DEPLOYMENT_TOPIC);
    }
    const struct create_topics_response_topic *made =
        &((const struct create_topics_response *)found)->topics.items[0];
    error = error_from_code(made->error_code);
    return error == 0 || error == ERROR_TOPIC_ALREADY_EXISTS
               ? COMMAND_OK
               : errand_refuse(deploy->errand, DEPLOYMENT_TOPIC, made->error_code,
                               made->error_message);
}

static int deploy_send_value(struct sending *sending, const char *key, struct bytes value)
{
    const struct producer_record record = {.topic = DEPLOYMENT_TOPIC,
                                           .partition = 0,
                                           .timestamp_ms = -1,
                                           .key = bytes_from_string(key),
                                           .value = value};
    return sending_send_patiently(sending, &record);
}

/* `bundle` NULL: the key is forgotten. */
static int deploy_send(struct sending *sending, const char *key, const struct app_bundle *bundle)
{
    struct buffer value;
    buffer_init(&value);
    if (bundle != NULL) {
        app_bundle_write(bundle, &value);
    }
    int error =
        deploy_send_value(sending, key, bundle == NULL ? (struct bytes){0} : buffer_bytes(&value));
    buffer_fini(&value);
    return error;
}

static const char *deploy_canary_key(struct deploy *deploy)
{
    return arena_printf(&deploy->errand->arena, "%s%s", deploy->app, DEPLOYMENT_CANARY);
}

/* What is said of the canary from now on. */
static int deploy_send_canary(struct deploy *deploy, struct sending *sending)
{
    struct buffer value;
    buffer_init(&value);
    canary_order_write(&deploy->canary, &value);
    int error = deploy_send_value(sending, deploy_canary_key(deploy), buffer_bytes(&value));
    buffer_fini(&value);
    return error;
}

bool deploy_is_trying(const struct deploy *deploy)
{
    return deploy->has_canary && deploy->canary.state == CANARY_ORDER_RUNNING &&
           deploy->canary.bundle.version != deploy->current.version;
}

/* The one that runs, if there is one, has ended. */
static int deploy_end_canary(struct deploy *deploy, struct sending *sending,
                             enum canary_order_state state, const char *why)
{
    if (!deploy_is_trying(deploy)) {
        return 0;
    }
    canary_order_end(&deploy->canary, state, why, io_wall_clock(deploy->errand->world->io));
    return deploy_send_canary(deploy, sending);
}

static const char *deploy_key(struct deploy *deploy, int64_t version)
{
    return arena_printf(&deploy->errand->arena, "%s@%" PRId64, deploy->app, version);
}

/* What is written in the transaction of one command; 0 or an error. */
typedef int deploy_writer(struct deploy *deploy, struct sending *sending,
                          const struct app_bundle *bundle);

static int deploy_give_up(struct deploy *deploy, const char *what)
{
    return command_fail(
        deploy->errand->world,
        "%s: somebody else %s meanwhile, and nothing was changed here; 'tidemill app "
        "versions %s' shows what is deployed now",
        deploy->app, what, deploy->app);
}

/* With the transaction ours: nobody writes until we did, or are fenced. */
static int deploy_look_again(struct deploy *deploy)
{
    struct deploy now;
    deploy_init(&now, deploy->errand, deploy->app);
    int code = deploy_read(&now);
    const struct deploy_picture *was = &deploy->picture, *is = &now.picture;
    bool is_same = was->current_version == is->current_version &&
                   was->current_ms == is->current_ms && was->newest_version == is->newest_version &&
                   was->canary_version == is->canary_version && was->canary_ms == is->canary_ms &&
                   was->canary_state == is->canary_state;
    deploy_fini(&now);
    return code == COMMAND_OK && !is_same ? deploy_give_up(deploy, "changed it") : code;
}

/* Also when its transaction was aborted between its first record and its end. */
static bool deploy_is_fenced(int error)
{
    return error == ERROR_PRODUCER_FENCED || error == ERROR_INVALID_PRODUCER_EPOCH ||
           error == ERROR_INVALID_TXN_STATE;
}

static int deploy_commit(struct deploy *deploy, deploy_writer *write,
                         const struct app_bundle *bundle)
{
    struct producer_options options = producer_options_default();
    struct sending sending;
    int code = deploy->has_topic ? COMMAND_OK : deploy_make_topic(deploy);
    if (code != COMMAND_OK) {
        return code;
    }
    const char *id = arena_printf(&deploy->errand->arena, "tidemill-deploy-%s", deploy->app);
    int error = sending_open(&sending, deploy->errand, &options, id);
    code = error == 0 ? deploy_look_again(deploy) : COMMAND_OK;
    if (error == 0 && code == COMMAND_OK) {
        error = write(deploy, &sending, bundle);
        error = error == 0 ? sending_finish(&sending, true) : error;
    }
    sending_close(&sending);
    return code != COMMAND_OK        ? code
           : error == 0              ? COMMAND_OK
           : deploy_is_fenced(error) ? deploy_give_up(deploy, "is changing it")
                                     : errand_fail(deploy->errand, error, "writing the version");
}

/* The version, and no longer those that are too old to be kept. */
static int deploy_write_version(struct deploy *deploy, struct sending *sending,
                                const struct app_bundle *bundle)
{
    int error = deploy_send(sending, deploy_key(deploy, bundle->version), bundle);
    for (size_t i = 0; error == 0 && i < deploy->version_count; i++) {
        int64_t version = deploy->versions[i].version;
        bool is_old = version <= bundle->version - DEPLOY_KEPT_MAX;
        if (is_old && version != deploy->current.version) {
            error = deploy_send(sending, deploy_key(deploy, version), NULL);
        }
    }
    return error;
}

static int deploy_write_new(struct deploy *deploy, struct sending *sending,
                            const struct app_bundle *bundle)
{
    int error = deploy_write_version(deploy, sending, bundle);
    error = error == 0 ? deploy_send(sending, deploy->app, bundle) : error;
    return error == 0 ? deploy_end_canary(deploy, sending, CANARY_ORDER_REPLACED, NULL) : error;
}

/* `deploy->canary` is the order, in the place of another that may run. */
static int deploy_write_canary(struct deploy *deploy, struct sending *sending,
                               const struct app_bundle *bundle)
{
    int error = deploy_write_version(deploy, sending, bundle);
    return error == 0 ? deploy_send_canary(deploy, sending) : error;
}

static int deploy_write_current(struct deploy *deploy, struct sending *sending,
                                const struct app_bundle *bundle)
{
    bool is_canary = deploy_is_trying(deploy) && deploy->canary.bundle.version == bundle->version;
    int error = deploy_send(sending, deploy->app, bundle);
    return error == 0
               ? deploy_end_canary(deploy, sending,
                                   is_canary ? CANARY_ORDER_PROMOTED : CANARY_ORDER_REPLACED, NULL)
               : error;
}

static int deploy_write_no_canary(struct deploy *deploy, struct sending *sending,
                                  const struct app_bundle *bundle)
{
    (void)bundle;
    return deploy_end_canary(deploy, sending, CANARY_ORDER_ROLLED_BACK, "somebody asked for it");
}

static int deploy_write_none(struct deploy *deploy, struct sending *sending,
                             const struct app_bundle *bundle)
{
    (void)bundle;
    int error = deploy_send(sending, deploy->app, NULL);
    if (error == 0 && deploy->has_canary) {
        error = deploy_send(sending, deploy_canary_key(deploy), NULL);
    }
    for (size_t i = 0; error == 0 && i < deploy->version_count; i++) {
        error = deploy_send(sending, deploy_key(deploy, deploy->versions[i].version), NULL);
    }
    return error;
}

/* --- What commands do ------------------------------------------------------------------------- */

int deploy_put_version(struct deploy *deploy, const struct app_bundle *bundle)
{
    return deploy_commit(deploy, deploy_write_new, bundle);
}

int deploy_put_canary(struct deploy *deploy, const struct canary_order *order)
{
    canary_order_fini(&deploy->canary);
    canary_order_copy(&deploy->canary, order);
    deploy->has_canary = true;
    return deploy_commit(deploy, deploy_write_canary, &order->bundle);
}

int deploy_make_current(struct deploy *deploy, const struct app_bundle *bundle)
{
    return deploy_commit(deploy, deploy_write_current, bundle);
}

int deploy_stop_canary(struct deploy *deploy)
{
    return deploy_commit(deploy, deploy_write_no_canary, NULL);
}

int deploy_remove(struct deploy *deploy)
{
    return deploy_commit(deploy, deploy_write_none, NULL);
}
