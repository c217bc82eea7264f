/* What a host measures of its applications, told to the owner every second. */
#include "log/base/memory.h"
#include "runtime/host/host_state.h"

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

static void host_shard_measure_node(struct host_app *row, const struct node_usage *usage)
{
    struct host *host = row->host;
    struct buffer labels;
    buffer_init(&labels);
    metric_label(&labels, "app", bytes_from_string(app_name(row->app)));
    metric_label(&labels, "node", bytes_from_string(usage->name));
    const char *text = buffer_string(&labels);
    host_shard_metric(host, METRIC_COUNTER, "tidemill_node_calls_total", text,
                      "Calls of a node's functions in the script.", usage->call_count);
    host_shard_metric(host, METRIC_COUNTER, "tidemill_node_emits_total", text,
                      "Records that came out of a node's functions.", usage->emit_count);
    metric_set(metric_get(host->registry, METRIC_COUNTER, "tidemill_node_seconds_total", text,
                          "Processor time of a node's functions, sampled every 10 ms."),
               (double)usage->time_ms / 1000);
    buffer_fini(&labels);
}

static void host_shard_measure_script(struct host_app *row, const char *labels)
{
    const struct script *script = app_get_script(row->app);
    host_shard_metric(row->host, METRIC_GAUGE, "tidemill_app_memory_bytes", labels,
                      "Memory that the script of an application holds.",
                      (int64_t)script_memory_size(script));
    host_shard_metric(row->host, METRIC_GAUGE, "tidemill_app_memory_max_bytes", labels,
                      "The most it held since it was read.", (int64_t)script_memory_most(script));
    for (size_t i = 0; i < script_usage_count(script); i++) {
        host_shard_measure_node(row, script_usage_at(script, i));
    }
}

static void host_shard_measure(struct host_app *row)
{
    struct host *host = row->host;
    struct task_counts counts;
    struct buffer labels;
    buffer_init(&labels);
    metric_label(&labels, "app", bytes_from_string(app_name(row->app)));
    const char *text = buffer_string(&labels);
    app_read_counts(row->app, &counts);
#define TASK_COUNT(field, share, metric, help)                                                     \
    host_shard_metric(host, METRIC_COUNTER, metric, text, help, counts.field);
#include "runtime/task/task_count.def"
#undef TASK_COUNT
    host_shard_metric(host, METRIC_GAUGE, "tidemill_app_records_pending", text,
                      "Records that were fetched and are not finished.",
                      app_pending_count(row->app));
    host_shard_metric(host, METRIC_GAUGE, "tidemill_app_tasks", text, "Tasks that run here.",
                      (int64_t)app_task_count(row->app));
    host_shard_metric(host, METRIC_GAUGE, "tidemill_app_restoring_records", text,
                      "Offsets of changelogs that are still to be read before all tasks run.",
                      app_restoring_count(row->app));
    host_shard_metric(host, METRIC_COUNTER, "tidemill_app_commits_total", text,
                      "Commits of an application.", app_commit_count(row->app));
    host_shard_metric(host, METRIC_COUNTER, "tidemill_app_rollbacks_total", text,
                      "Commits that failed and whose work was done again.",
                      app_rollback_count(row->app));
    host_shard_measure_script(row, text);
    buffer_fini(&labels);
    app_each_connector(row->app, host_shard_measure_connector, row);
}

void host_shard_on_metrics_time(struct io_timer *timer)
{
    struct host *host = timer->owner;
    struct host_news *news = memory_new(struct host_news);
    for (size_t i = 0; i < host->app_count; i++) {
        if (host->apps[i].app != NULL) {
            host_shard_measure(&host->apps[i]);
        }
    }
    news->host = host;
    metric_write_all(host->registry, &news->metrics);
    news->post = (struct io_request){.done = host_on_news, .owner = news};
    io_post(host->io, &news->post);
    io_timer_start(host->shard_io, timer, (uint64_t)HOST_METRICS_MS * 1000000);
}
