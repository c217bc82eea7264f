/* See offset_spec.h. */
#include "runtime/cli/offset_spec.h"

#include "log/base/error.h"
#include "log/base/text.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    enum offset_spec_kind kind;
} words[] = {
    {"beginning", OFFSET_SPEC_BEGINNING}, {"start", OFFSET_SPEC_BEGINNING},
    {"earliest", OFFSET_SPEC_BEGINNING},  {"end", OFFSET_SPEC_END},
    {"latest", OFFSET_SPEC_END},          {"stored", OFFSET_SPEC_STORED},
};

/* Days since 1970-01-01 of a date of the Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

/* RFC 3339 in UTC: 2026-11-24T12:00:00Z; the time of day may be missing. */
static bool parse_date(const char *text, int64_t *out)
{
    int year, month, day, hour = 0, minute = 0, second = 0, used = 0;
    if (sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &used) != 3) {
        return false;
    }
    text += used;
    if (*text == 'T' || *text == ' ') {
        if (sscanf(text + 1, "%2d:%2d:%2d%n", &hour, &minute, &second, &used) != 3) {
            return false;
        }
        text += 1 + used;
    }
    text += *text == 'Z';
    bool is_sane = month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour >= 0 && hour < 24 &&
                   minute >= 0 && minute < 60 && second >= 0 && second <= 60;
    if (*text != '\0' || !is_sane) {
        return false;
    }
    *out = (((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000;
    return true;
}

static bool parse_time(const char *text, struct offset_spec *out)
{
    int64_t value;
    if ((text_parse_int64(text, &value) != 0 && !parse_date(text, &value)) || value < 0) {
        return false;
    }
    *out = (struct offset_spec){.kind = OFFSET_SPEC_TIME, .value = value};
    return true;
}

int offset_spec_parse(const char *text, struct offset_spec *start, struct offset_spec *stop,
                      struct report *report)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(text, words[i].name) == 0) {
            *start = (struct offset_spec){.kind = words[i].kind};
            return 0;
        }
    }
    if (strncmp(text, "s@", 2) == 0 && parse_time(text + 2, start)) {
        return 0;
    }
    if (stop != NULL && strncmp(text, "e@", 2) == 0 && parse_time(text + 2, stop)) {
        return 0;
    }
    if (text[0] == '@' && parse_time(text + 1, start)) {
        return 0;
    }
    int64_t value;
    if (text_parse_int64(text, &value) == 0 && value > INT64_MIN) {
        *start = (struct offset_spec){
            .kind = value < 0 || text[0] == '-' ? OFFSET_SPEC_FROM_END : OFFSET_SPEC_ABSOLUTE,
            .value = value < 0 ? -value : value,
        };
        return 0;
    }
    return report_add(report, NULL,
                      "'%s' is no offset; use beginning, end, %sN, -N, s@TIME%s "
                      "(milliseconds or 2026-11-24T12:00:00Z)",
                      text, stop == NULL ? "" : "stored, ", stop == NULL ? "" : " or e@TIME");
}
