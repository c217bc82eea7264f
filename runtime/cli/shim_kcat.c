/* kcat in words of ours: its letters are those of produce and consume, so most of them stand as
 * they are; a mode becomes a command. See shim.h. */
#include "log/base/arena.h"
#include "log/base/text.h"
#include "runtime/cli/shim.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KCAT_ARENA_MAX = 16 << 20 };

/* What a letter becomes in each mode; "" stands for itself. */
struct kcat_letter {
    char letter;
    bool takes_value;
    const char *modes; /* where it goes on: of "CPLQ" */
};

static const struct kcat_letter letters[] = {
    {'b', true, "CPLQ"}, {'X', true, "CPLQ"}, {'F', true, "CPLQ"}, {'t', true, "CPL"},
    {'p', true, "CP"},   {'o', true, "C"},    {'c', true, "CP"},   {'e', false, "C"},
    {'q', false, "CP"},  {'f', true, "C"},    {'J', false, "CL"},  {'D', true, "CP"},
    {'K', true, "CP"},   {'k', true, "P"},    {'H', true, "P"},    {'z', true, "P"},
    {'Z', false, "CP"},  {'T', false, "P"},   {'u', false, "C"},   {'G', true, "C"},
    {'s', true, "C"},    {'E', false, "C"},
};
enum { LETTER_COUNT = sizeof(letters) / sizeof(letters[0]) };

/* Letters with a meaning of their own, or with none here. */
static const char own_values[] = "mdrM";
static const char own_switches[] = "CPLQlvVhO";

struct kcat {
    struct command_world *world;
    struct arena arena;
    char mode; /* 0: not said */
    bool is_file;
    bool has_topic;
    bool is_help;
    bool is_version;
    bool has_offsets; /* -O */
    const char *group;
    const char *key_delimiter;
    bool has_config;         /* -F */
    struct flag_list words;  /* -x VALUE */
    struct flag_list topics; /* of -t, for -Q */
    struct flag_list arguments;
    struct dialect dialect;
};

bool shim_kcat_is(const char *program)
{
    const char *slash = strrchr(program, '/');
    const char *name = slash == NULL ? program : slash + 1;
    return strcmp(name, "kcat") == 0 || strcmp(name, "kafkacat") == 0 ||
           strcmp(name, "kcat.sh") == 0;
}

static const struct kcat_letter *find_letter(char letter)
{
    for (size_t i = 0; i < LETTER_COUNT; i++) {
        if (letters[i].letter == letter) {
            return &letters[i];
        }
    }
    return NULL;
}

static int take_own(struct kcat *kcat, char letter, const char *value)
{
    int64_t seconds;
    switch (letter) {
    case 'C':
    case 'P':
    case 'L':
    case 'Q':
        kcat->mode = letter;
        return COMMAND_OK;
    case 'l':
        kcat->is_file = true;
        return COMMAND_OK;
    case 'h':
        kcat->is_help = true;
        return COMMAND_OK;
    case 'V':
        kcat->is_version = true;
        return COMMAND_OK;
    case 'm':
        if (text_parse_int64(value, &seconds) != 0 || seconds < 0) {
            return command_misuse(kcat->world, "-m takes seconds, not '%s'", value);
        }
        flag_list_add(&kcat->words, "-X");
        flag_list_add(&kcat->words, arena_printf(&kcat->arena, "request.timeout.ms=%s000", value));
        return COMMAND_OK;
    case 'v':
    case 'd':
        return COMMAND_OK; /* talk, which nobody parses */
    case 'O':
        kcat->has_offsets = true;
        return COMMAND_OK;
    case 'r':
        return command_misuse(kcat->world, "-r: there is no registry of schemas here; -s takes "
                                           "pack strings");
    case 'M':
        return command_misuse(kcat->world, "-M: there is no mock cluster here, only in librdkafka");
    default:
        return command_misuse(kcat->world, "-%c is not there", letter);
    }
}

/* Properties of librdkafka about its own memory, sockets, timings and talk. What would change where
 * a record goes, who reads it or what is committed is not among them. */
static const char idle_properties[] =
    "allow.auto.create.topics,api.version.fallback.ms,api.version.request,"
    "api.version.request.timeout.ms,auto.commit.interval.ms,batch.num.messages,"
    "broker.address.family,broker.address.ttl,broker.version.fallback,builtin.features,client.rack,"
    "compression.level,connections.max.idle.ms,debug,delivery.report.only.error,enable.partition."
    "eof,"
    "enable.random.seed,fetch.error.backoff.ms,heartbeat.interval.ms,internal.termination.signal,"
    "log.connection.close,log.queue,log.thread.name,log_level,max.in.flight,"
    "max.in.flight.requests.per.connection,max.poll.interval.ms,message.copy.max.bytes,"
    "metadata.max.age.ms,produce.offset.report,queue.buffering.backpressure.threshold,"
    "queue.buffering.max.kbytes,queue.buffering.max.messages,queued.max.messages.kbytes,"
    "queued.min.messages,receive.message.max.bytes,reconnect.backoff.jitter.ms,"
    "reconnect.backoff.max.ms,reconnect.backoff.ms,retry.backoff.ms,session.timeout.ms,"
    "socket.blocking.max.ms,socket.connection.setup.timeout.ms,socket.keepalive.enable,"
    "socket.max.fails,socket.nagle.disable,socket.receive.buffer.bytes,socket.send.buffer.bytes,"
    "statistics.interval.ms,topic.metadata.propagation.max.ms,topic.metadata.refresh.fast.cnt,"
    "topic.metadata.refresh.fast.interval.ms,topic.metadata.refresh.interval.ms,"
    "topic.metadata.refresh.sparse";

/* One -X. Names that begin with "topic." are those of topics, unless librdkafka has such a name. */
static int take_property(struct kcat *kcat, const char *property)
{
    static const char of_topic[] = "topic.";
    struct bytes name = bytes_make(property, strcspn(property, "="));
    if (strcmp(property, "list") == 0 || strcmp(property, "dump") == 0) {
        return command_misuse(kcat->world,
                              "-X %s: there is no librdkafka here whose properties could be shown",
                              property);
    }
    if (text_list_has(idle_properties, name)) {
        fprintf(kcat->world->errors, "%% -X %.*s means nothing here\n", BYTES_FORMAT(name));
        return COMMAND_OK;
    }
    bool is_of_topic = strncmp(property, of_topic, sizeof of_topic - 1) == 0;
    flag_list_add(&kcat->words, "-X");
    flag_list_add(&kcat->words, is_of_topic ? property + sizeof of_topic - 1 : property);
    return COMMAND_OK;
}

static int take_letter(struct kcat *kcat, const struct kcat_letter *row, const char *value)
{
    const char *flag = arena_printf(&kcat->arena, "-%c", row->letter);
    if (row->letter == 'X') {
        return take_property(kcat, value);
    }
    if (row->letter == 't') {
        kcat->has_topic = true;
        flag_list_add(&kcat->topics, value);
    }
    if (row->letter == 'G') {
        kcat->mode = 'C';
        kcat->group = value;
    }
    kcat->has_config = kcat->has_config || row->letter == 'F';
    if (row->letter == 'K') {
        kcat->key_delimiter = value;
    }
    flag_list_add(&kcat->words, flag);
    if (value != NULL) {
        flag_list_add(&kcat->words, value);
    }
    return COMMAND_OK;
}

/* -e, -eq, -p3, -p 3 */
static int take_word(struct kcat *kcat, int argc, const char *const *argv, int *index)
{
    for (const char *at = argv[*index] + 1; *at != '\0'; at++) {
        const struct kcat_letter *row = find_letter(*at);
        bool takes_value = row != NULL ? row->takes_value : strchr(own_values, *at) != NULL;
        const char *value = NULL;
        if (row == NULL && !takes_value && strchr(own_switches, *at) == NULL) {
            return command_misuse(kcat->world, "unknown flag '-%c'; see kcat -h", *at);
        }
        if (takes_value) {
            value = at[1] != '\0' ? at + 1 : *index + 1 < argc ? argv[++*index] : NULL;
            if (value == NULL) {
                return command_misuse(kcat->world, "-%c needs a value", *at);
            }
        }
        int code = row != NULL ? take_letter(kcat, row, value) : take_own(kcat, *at, value);
        if (code != COMMAND_OK || takes_value) {
            return code;
        }
    }
    return COMMAND_OK;
}

/* The words that a mode takes; a flag of another mode is ignored, as kcat does. */
static void put_words(const struct kcat *kcat, struct flag_list *out)
{
    for (size_t i = 0; i < kcat->words.count; i++) {
        const char *word = kcat->words.items[i];
        const struct kcat_letter *row = find_letter(word[1]);
        bool is_wanted = strchr(row->modes, kcat->mode) != NULL;
        if (is_wanted) {
            flag_list_add(out, word);
        }
        if (row->takes_value) {
            i++;
            if (is_wanted) {
                flag_list_add(out, kcat->words.items[i]);
            }
        }
    }
}

/* TOPIC:PARTITION:TIME */
static int put_query(struct kcat *kcat, const char *word, struct flag_list *out)
{
    const char *colon = strrchr(word, ':');
    int64_t time;
    if (colon == NULL || text_parse_int64(colon + 1, &time) != 0 ||
        memchr(word, ':', (size_t)(colon - word)) == NULL) {
        return command_misuse(kcat->world, "-Q takes -t TOPIC:PARTITION:TIME, not '%s'", word);
    }
    flag_list_add(out, arena_string(&kcat->arena, bytes_make(word, (size_t)(colon - word))));
    flag_list_add(out, "--at");
    flag_list_add(out, time == -1   ? "end"
                       : time == -2 ? "beginning"
                                    : arena_printf(&kcat->arena, "@%s", colon + 1));
    return COMMAND_OK;
}

/* Of a group, one that begins with '^' is an expression, which matches from there on. */
static int put_topics(struct kcat *kcat, struct flag_list *out)
{
    int pattern_count = 0;
    for (size_t i = 0; i < kcat->arguments.count; i++) {
        const char *word = kcat->arguments.items[i];
        if (kcat->group == NULL || word[0] != '^') {
            flag_list_add(out, word);
            continue;
        }
        if (pattern_count++ > 0) {
            return command_misuse(kcat->world, "-G: join '%s' to the expression before it by '|'",
                                  word);
        }
        const char *pattern = arena_printf(&kcat->arena, "(%s).*", word + 1);
        dialect_add(&kcat->dialect, pattern, word);
        flag_list_add(out, "--regex");
        flag_list_add(out, pattern);
    }
    return COMMAND_OK;
}

static int put_mode(struct kcat *kcat, struct flag_list *out)
{
    struct command_world *world = kcat->world;
    const struct flag_list *arguments = &kcat->arguments;
    switch (kcat->mode) {
    case 'P':
        flag_list_add(out, "produce");
        if (kcat->is_file && arguments->count == 1) {
            flag_list_add(out, "-l");
            flag_list_add(out, arguments->items[0]);
        } else if (arguments->count > 0) {
            return command_misuse(world, "a file is sent line by line: kcat -P -l FILE");
        }
        break;
    case 'L':
        flag_list_add(out, "cluster");
        flag_list_add(out, "describe");
        break;
    case 'Q':
        flag_list_add(out, "topic");
        flag_list_add(out, "offsets");
        flag_list_add(out, "--kcat");
        break;
    default:
        flag_list_add(out, "consume");
        return put_topics(kcat, out);
    }
    return COMMAND_OK;
}

static int judge(struct kcat *kcat)
{
    struct command_world *world = kcat->world;
    if (kcat->mode == 0 && kcat->has_topic) {
        /* As kcat guesses: a terminal reads. */
        kcat->mode = isatty(world->input) ? 'C' : 'P';
    }
    if (kcat->mode == 0) {
        return command_misuse(world, "say what to do: -C, -P, -L, -Q or -G GROUP; see kcat -h");
    }
    bool needs_topic = kcat->mode == 'P' || (kcat->mode == 'C' && kcat->group == NULL);
    if (needs_topic && !kcat->has_topic) {
        return command_misuse(world, "-t TOPIC is missing");
    }
    if (kcat->has_offsets) {
        return command_misuse(world, "-O: print offsets with -f '%%o%s%%s\\n'",
                              kcat->key_delimiter == NULL ? " " : kcat->key_delimiter);
    }
    return COMMAND_OK;
}

static int print_help(struct command_world *world)
{
    fputs("kcat: the flags of kcat, done by tidemill.\n\n"
          "  kcat -C -t TOPIC     see tidemill consume --help\n"
          "  kcat -P -t TOPIC     see tidemill produce --help\n"
          "  kcat -G GROUP TOPIC  see tidemill consume --help\n"
          "  kcat -L              see tidemill cluster describe --help\n"
          "  kcat -Q -t T:P:TIME  see tidemill topic offsets --help\n",
          world->out);
    return COMMAND_OK;
}

/* Our messages name flags by their words, kcat has only letters. */
static void learn_words(struct kcat *kcat)
{
    const char *name = kcat->mode == 'P'   ? "produce"
                       : kcat->mode == 'L' ? "cluster describe"
                       : kcat->mode == 'Q' ? "topic offsets"
                                           : "consume";
    const struct command *command = shim_find_command(kcat->world->commands, name);
    for (size_t i = 0; command != NULL && i < command->flag_count; i++) {
        const struct flag *flag = &command->flags[i];
        if (flag->letter != 0 && flag->name != NULL) {
            dialect_add(&kcat->dialect, arena_printf(&kcat->arena, "--%s", flag->name),
                        arena_printf(&kcat->arena, "-%c", flag->letter));
        }
    }
    dialect_add(&kcat->dialect, "tidemill topic ls", "kcat -L");
    dialect_add(&kcat->dialect, "tidemill topic create",
                "kafka-topics --create --bootstrap-server HOST:PORT --topic");
    dialect_add(&kcat->dialect, "tidemill group seek", "kafka-consumer-groups --reset-offsets");
    kcat->world->dialect = &kcat->dialect;
}

static int run_mode(struct kcat *kcat,
                    int (*run)(struct command_world *world, void *owner, int argc,
                               const char *const *argv),
                    void *owner)
{
    struct flag_list words = {0};
    flag_list_add(&words, "kcat");
    int code = judge(kcat);
    if (code == COMMAND_OK) {
        code = put_mode(kcat, &words);
    }
    if (code == COMMAND_OK) {
        learn_words(kcat);
        if (!kcat->has_config && kcat->world->kcat_config != NULL) {
            flag_list_add(&words, "-F");
            flag_list_add(&words, kcat->world->kcat_config);
        }
        put_words(kcat, &words);
        size_t base = words.count;
        /* Each question may ask for another time: one command line each. */
        for (size_t i = 0; kcat->mode == 'Q' && i < kcat->topics.count && code == COMMAND_OK; i++) {
            words.count = base;
            code = put_query(kcat, kcat->topics.items[i], &words);
            code =
                code == COMMAND_OK ? run(kcat->world, owner, (int)words.count, words.items) : code;
        }
        if (kcat->mode != 'Q') {
            code = run(kcat->world, owner, (int)words.count, words.items);
        }
    }
    kcat->world->dialect = NULL;
    dialect_fini(&kcat->dialect);
    free(words.items);
    return code;
}

int shim_kcat_run(struct command_world *world, int argc, const char *const *argv,
                  int (*run)(struct command_world *world, void *owner, int argc,
                             const char *const *argv),
                  void *owner)
{
    struct kcat kcat = {.world = world};
    int code = COMMAND_OK;
    arena_init(&kcat.arena, KCAT_ARENA_MAX);
    for (int i = 1; i < argc && code == COMMAND_OK; i++) {
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            code = take_word(&kcat, argc, argv, &i);
        } else {
            flag_list_add(&kcat.arguments, argv[i]);
        }
    }
    if (code == COMMAND_OK && kcat.is_help) {
        code = print_help(world);
    } else if (code == COMMAND_OK && kcat.is_version) {
        fprintf(world->out, "kcat - as done by tidemill %s\n", world->version);
    } else if (code == COMMAND_OK) {
        code = run_mode(&kcat, run, owner);
    }
    free(kcat.words.items);
    free(kcat.topics.items);
    free(kcat.arguments.items);
    arena_fini(&kcat.arena);
    command_flush(world);
    return code == COMMAND_OK ? COMMAND_OK : COMMAND_FAILED; /* kcat knows no other */
}
