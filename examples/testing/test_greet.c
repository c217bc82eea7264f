/* A test in C: a broker of its own in memory, librdkafka as the client, one check.
 *
 *     cc test_greet.c -lrdkafka && TIDEMILL=/usr/bin/tidemill ./a.out */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct broker {
    pid_t process;
    int input; /* the broker ends when this does */
    char address[64];
};

/* Returns when clients can connect. */
static int broker_start(struct broker *broker)
{
    int input[2], output[2];
    char line[512] = "";
    if (pipe(input) != 0 || pipe(output) != 0) {
        return -1;
    }
    broker->process = fork();
    if (broker->process == 0) {
        const char *program = getenv("TIDEMILL");
        dup2(input[0], STDIN_FILENO);
        dup2(output[1], STDOUT_FILENO);
        close(input[0]);
        close(input[1]);
        close(output[0]);
        close(output[1]);
        execlp(program != NULL ? program : "tidemill", "tidemill", "serve", "--memory", "--port",
               "0", "--until-eof", (char *)NULL);
        _exit(127);
    }
    close(input[0]);
    close(output[1]);
    broker->input = input[1];
    /* tidemill 0.1.0 ready: kafka 127.0.0.1:41234, http off, data memory: */
    FILE *ready = fdopen(output[0], "r");
    const char *found = fgets(line, sizeof line, ready);
    fclose(ready);
    return found != NULL && sscanf(line, "tidemill %*s ready: kafka %63[^,]", broker->address) == 1
               ? 0
               : -1;
}

static void broker_stop(struct broker *broker)
{
    close(broker->input);
    waitpid(broker->process, NULL, 0);
}

static rd_kafka_t *client_new(rd_kafka_type_t type, const char *address)
{
    char error[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", address, error, sizeof error);
    if (type == RD_KAFKA_CONSUMER) {
        rd_kafka_conf_set(conf, "group.id", "greeters", error, sizeof error);
        rd_kafka_conf_set(conf, "auto.offset.reset", "earliest", error, sizeof error);
    }
    return rd_kafka_new(type, conf, error, sizeof error);
}

static void say(const char *address, const char *text)
{
    rd_kafka_t *producer = client_new(RD_KAFKA_PRODUCER, address);
    rd_kafka_producev(producer, RD_KAFKA_V_TOPIC("greetings"),
                      RD_KAFKA_V_VALUE((void *)(size_t)text, strlen(text)), RD_KAFKA_V_END);
    rd_kafka_flush(producer, 10000);
    rd_kafka_destroy(producer);
}

static int hear(const char *address, const char *expected)
{
    rd_kafka_t *consumer = client_new(RD_KAFKA_CONSUMER, address);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, "greetings", RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 10000);
    int is_right = message != NULL && message->err == 0 && message->len == strlen(expected) &&
                   memcmp(message->payload, expected, message->len) == 0;
    if (message != NULL) {
        rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return is_right;
}

int main(void)
{
    struct broker broker;
    if (broker_start(&broker) != 0) {
        fputs("no broker; is TIDEMILL the path of tidemill?\n", stderr);
        return 1;
    }
    say(broker.address, "hello tide");
    int is_right = hear(broker.address, "hello tide");
    broker_stop(&broker);
    puts(is_right ? "ok" : "not ok");
    return is_right ? 0 : 1;
}
