/* What a host measures of its applications on all threads, told to the owner every second: of those
 * that are there, so that nothing stands still on the page when one stopped or was removed. */
#include "log/base/memory.h"
#include "runtime/app/app_gauges.h"
#include "runtime/app/app_totals.h"
#include "runtime/host/host_state.h"

#include <stdlib.h>

static void host_shard_metric(struct host *host, enum metric_kind kind, const char *name,
                              const char *labels, const char *help, int64_t value)
{
    metric_set(metric_get(host->registry, kind, name, labels, help), (double)value);
}

static void host_shard_measure_connector(void *owner, const struct connector *connector)
{
    struct host_app *row = owner;
    struct host *host = row->host;
    struct buffer labels;
    buffer_init(&labels);
    metric_label(&labels, "app", bytes_from_string(app_name(row->app)));
    metric_label(&labels, "connector", bytes_from_string(connector_name(connector)));
    host_shard_metric(host, METRIC_COUNTER, "tidemill_connector_records_total",
                      buffer_string(&labels), "Records a connector delivered.",
                      connector_record_count(connector));
    host_shard_metric(host, METRIC_COUNTER, "tidemill_connector_restarts_total",
                      buffer_string(&labels), "Tasks of a connector started after a failure.",
                      connector_restart_count(connector));
    host_shard_metric(host, METRIC_GAUGE, "tidemill_connector_running", buffer_string(&labels),
                      "1 while the connector's task runs.",
                      connector_state(connector) == CONNECTOR_RUNNING);
    buffer_fini(&labels);
}

static void host_shard_measure_node(struct host_app *row, const struct app_totals_node *node)
{
    struct host *host = row->host;
    struct buffer labels;
    buffer_init(&labels);
    metric_label(&labels, "app", bytes_from_string(app_name(row->app)));
    metric_label(&labels, "node", bytes_from_string(node->name));
    const char *text = buffer_string(&labels);
    host_shard_metric(host, METRIC_COUNTER, "tidemill_node_calls_total", text,
                      "Calls of a node's functions in the script.", node->call_count);
    host_shard_metric(host, METRIC_COUNTER, "tidemill_node_emits_total", text,
                      "Records that came out of a node's functions.", node->emit_count);
    metric_set(metric_get(host->registry, METRIC_COUNTER, "tidemill_node_seconds_total", text,
                          "Processor time of a node's functions, sampled every 10 ms."),
               (double)node->time_ms / 1000);
    buffer_fini(&labels);
}

static void host_shard_measure_script(struct host_app *row, const struct app_totals *totals,
                                      const char *labels)
{
    host_shard_metric(row->host, METRIC_GAUGE, "tidemill_app_memory_bytes", labels,
                      "Memory that the script of an application holds, on all threads.",
                      totals->memory_size);
    host_shard_metric(row->host, METRIC_GAUGE, "tidemill_app_memory_max_bytes", labels,
                      "The most it held since it was read.", totals->memory_most);
    for (size_t i = 0; i < totals->node_count; i++) {
        host_shard_measure_node(row, &totals->nodes[i]);
    }
}

static void host_shard_measure(struct host_app *row, const struct app_totals *totals)
{
    struct host *host = row->host;
    struct buffer labels;
    buffer_init(&labels);
    metric_label(&labels, "app", bytes_from_string(app_name(row->app)));
    const char *text = buffer_string(&labels);
#define TASK_COUNT(field, share, metric, help)                                                     \
    host_shard_metric(host, METRIC_COUNTER, metric, text, help, totals->counts.field);
#include "runtime/task/task_count.def"
#undef TASK_COUNT
    host_shard_metric(host, METRIC_GAUGE, "tidemill_app_records_pending", text,
                      "Records that were fetched and are not finished.", totals->pending_count);
    host_shard_metric(host, METRIC_GAUGE, "tidemill_app_tasks", text, "Tasks that run here.",
                      totals->task_count);
    host_shard_metric(host, METRIC_GAUGE, "tidemill_app_standby_tasks", text,
                      "Tasks that run elsewhere and of whose stores a copy is kept here.",
                      totals->standby_count);
    host_shard_metric(
        host, METRIC_GAUGE, "tidemill_app_standby_unknown_tasks", text,
        "Of these copies, those that do not know what they lack: they have just begun, "
        "or do not reach their changelogs.",
        totals->standby_unknown_count);
    host_shard_metric(host, METRIC_GAUGE, "tidemill_app_standby_lag_records", text,
                      "Offsets of changelogs that the others do not have.", totals->standby_lag);
    host_shard_metric(host, METRIC_GAUGE, "tidemill_app_restoring_records", text,
                      "Offsets of changelogs that are still to be read before all tasks run.",
                      totals->restoring_count);
    host_shard_metric(host, METRIC_COUNTER, "tidemill_app_commits_total", text,
                      "Commits of an application.", totals->commit_count);
    host_shard_metric(host, METRIC_COUNTER, "tidemill_app_rollbacks_total", text,
                      "Commits that failed and whose work was done again.", totals->rollback_count);
    metric_set(metric_get(host->registry, METRIC_COUNTER, "tidemill_app_commit_seconds_total", text,
                          "How long the commits of an application took."),
               (double)totals->commit_ns / 1e9);
    metric_set(metric_get(host->registry, METRIC_COUNTER, "tidemill_app_process_seconds_total",
                          text, "How long its tasks processed records, on all threads."),
               (double)totals->process_ns / 1e9);
    host_shard_measure_script(row, totals, text);
    buffer_fini(&labels);
    app_each_connector(row->app, host_shard_measure_connector, row);
}

/* --- Once a second --- */

/* A visit to all threads, and what it found. */
struct host_sample {
    struct host_visit visit;
    struct app_totals totals[HOST_SCRIPT_MAX];
    struct app_gauges gauges;
    struct buffer text;
};

static bool host_thread_sample(struct host_visit *visit, struct host *host, size_t thread)
{
    struct host_sample *sample = visit->owner;
    for (size_t i = 0; i < HOST_SCRIPT_MAX; i++) {
        const struct app *app = host_thread_app_at(host, thread, i);
        if (app != NULL) {
            app_totals_add(&sample->totals[i], app);
            app_gauges_add(&sample->gauges, app);
        }
    }
    return true;
}

static void host_shard_measure_state(struct host_app *row)
{
    struct host *host = row->host;
    struct buffer labels;
    buffer_init(&labels);
    metric_label(&labels, "app", bytes_from_string(row->name));
    const char *text = buffer_string(&labels);
    enum host_app_state state = host_app_state(row);
    host_shard_metric(
        host, METRIC_GAUGE, "tidemill_app_running", text,
        "1 while an application processes; 0: it starts, is paused, waits or stopped.",
        state == HOST_APP_RUNNING);
    host_shard_metric(host, METRIC_GAUGE, "tidemill_app_stopped", text,
                      "1 when it does not run any more until somebody mends it.",
                      state == HOST_APP_STOPPED);
    host_shard_metric(host, METRIC_GAUGE, "tidemill_app_breaker_open", text,
                      "1 when it is paused, because too many of its records failed.",
                      row->is_broken);
    host_shard_metric(host, METRIC_COUNTER, "tidemill_app_restarts_total", text,
                      "Starts of an application after a failure.", row->restart_count);
    host_shard_metric(host, METRIC_GAUGE, "tidemill_app_version", text,
                      "The version that is deployed and used here; 0: it runs from a file.",
                      host_app_version(row));
    buffer_fini(&labels);
}

static bool host_shard_sample(struct host_visit *visit, struct host *host)
{
    struct host_sample *sample = visit->owner;
    host->registry = metric_registry_new();
    for (size_t i = 0; i < host->app_count; i++) {
        if (host->apps[i].name != NULL) {
            host_shard_measure_state(&host->apps[i]);
        }
        if (host->apps[i].app != NULL) {
            app_totals_add(&sample->totals[i], host->apps[i].app);
            app_gauges_add(&sample->gauges, host->apps[i].app);
            host_shard_measure(&host->apps[i], &sample->totals[i]);
            host_shard_watch_errors(&host->apps[i], &sample->totals[i].counts);
            host_shard_watch_canary(&host->apps[i], &sample->totals[i]);
        }
    }
    host_shard_metric(host, METRIC_GAUGE, "tidemill_app_metrics_omitted", NULL,
                      "Lines of tasks, inputs and stores that are not told: a name has 2000.",
                      sample->gauges.omitted_count);
    metric_write_all(host->registry, &sample->text);
    metric_registry_free(host->registry);
    host->registry = NULL;
    app_gauges_write(&sample->gauges, &sample->text);
    app_gauges_fini(&sample->gauges);
    io_timer_start(host->shard_io, &host->metrics_timer, (uint64_t)HOST_METRICS_MS * 1000000);
    return true;
}

static void host_on_sampled(struct host_visit *visit)
{
    struct host_sample *sample = visit->owner;
    buffer_fini(&visit->host->metrics);
    visit->host->metrics = sample->text;
    for (size_t i = 0; i < HOST_SCRIPT_MAX; i++) {
        app_totals_fini(&sample->totals[i]);
    }
    free(sample);
}

void host_shard_on_metrics_time(struct io_timer *timer)
{
    struct host_sample *sample = memory_new(struct host_sample);
    sample->visit = (struct host_visit){.visit_thread = host_thread_sample,
                                        .visit = host_shard_sample,
                                        .done = host_on_sampled,
                                        .owner = sample,
                                        .host = timer->owner};
    buffer_init(&sample->text);
    host_shard_visit(&sample->visit);
}
