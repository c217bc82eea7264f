/* Findings as lines of text or of JSON; see diagnosis.h. */
#include "runtime/main/diagnosis.h"

#include "runtime/cli/envelope.h"

#include <stdarg.h>

static const char *const grades[] = {"ok", "note", "wrong"};

void diagnosis_init(struct diagnosis *diagnosis, bool is_json)
{
    *diagnosis = (struct diagnosis){.is_json = is_json};
    buffer_init(&diagnosis->out);
}

void diagnosis_fini(struct diagnosis *diagnosis)
{
    buffer_fini(&diagnosis->out);
}

static void add_json(struct diagnosis *diagnosis, enum diagnosis_grade grade, const char *subject,
                     const char *advice, struct bytes finding)
{
    struct buffer *out = &diagnosis->out;
    buffer_add_string(out, out->size == 0 ? "{\"findings\":[" : ",\n ");
    buffer_printf(out, "{\"subject\":\"%s\",\"grade\":\"%s\",\"finding\":", subject, grades[grade]);
    envelope_write_json_string(finding, out);
    buffer_add_string(out, ",\"advice\":");
    envelope_write_json_string(bytes_from_string(advice), out);
    buffer_add_byte(out, '}');
}

void diagnosis_add(struct diagnosis *diagnosis, enum diagnosis_grade grade, const char *subject,
                   const char *advice, const char *format, ...)
{
    struct buffer finding;
    va_list arguments;
    buffer_init(&finding);
    va_start(arguments, format);
    buffer_vprintf(&finding, format, arguments);
    va_end(arguments);
    diagnosis->counts[grade]++;
    if (diagnosis->is_json) {
        add_json(diagnosis, grade, subject, advice, buffer_bytes(&finding));
    } else {
        buffer_printf(&diagnosis->out, "%-6s %-12s %s\n", grades[grade], subject,
                      buffer_string(&finding));
        if (advice != NULL) {
            buffer_printf(&diagnosis->out, "%20s-> %s\n", "", advice);
        }
    }
    buffer_fini(&finding);
}

void diagnosis_add_text(struct diagnosis *diagnosis, struct bytes text)
{
    if (!diagnosis->is_json) {
        buffer_add_bytes(&diagnosis->out, text);
    }
}

void diagnosis_finish(struct diagnosis *diagnosis)
{
    struct buffer *out = &diagnosis->out;
    int notes = diagnosis->counts[DIAGNOSIS_NOTE], wrongs = diagnosis->counts[DIAGNOSIS_WRONG];
    if (diagnosis->is_json) {
        buffer_printf(out, "%s],\"wrong\":%d,\"notes\":%d}\n",
                      out->size == 0 ? "{\"findings\":[" : "", wrongs, notes);
    } else {
        buffer_printf(out, "%d wrong, %d to note\n", wrongs, notes);
    }
}
