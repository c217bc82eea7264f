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

/* ".123" after the seconds, then "Z", "+01:00", "+0100" or nothing. */
static bool parse_tail(const char *text, int64_t *out)
{
    int fraction = 0, used = 0, hour = 0, minute = 0;
    if (*text == '.') {
        int scale = 100;
        for (text++; *text >= '0' && *text <= '9'; text++, scale /= 10) {
            fraction += (*text - '0') * scale;
        }
    }
    *out += fraction;
    if (strcmp(text, "") == 0 || strcmp(text, "Z") == 0) {
        return true;
    }
    bool is_zone = (*text == '+' || *text == '-') &&
                   (sscanf(text + 1, "%2d:%2d%n", &hour, &minute, &used) == 2 ||
                    sscanf(text + 1, "%2d%2d%n", &hour, &minute, &used) == 2);
    if (!is_zone || text[1 + used] != '\0' || hour < 0 || hour > 14 || minute < 0 || minute > 59) {
        return false;
    }
    *out -= (*text == '-' ? -1 : 1) * (hour * 60 + minute) * 60000LL;
    return true;
}

/* RFC 3339, in UTC unless it says otherwise: 2026-11-24T12:00:00Z; the time of day may be
 * missing. */
static bool parse_date(const char *text, int64_t *out)
{
    int year, month, day, hour = 0, minute = 0, second = 0, used = 0;
    if (sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &used) != 3) {
        return false;
    }
    text += used;
    bool has_time = *text == 'T' || *text == ' ';
    if (has_time) {
        if (sscanf(text + 1, "%2d:%2d:%2d%n", &hour, &minute, &second, &used) != 3) {
            return false;
        }
        text += 1 + used;
    }
    bool is_sane = month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour >= 0 && hour < 24 &&
                   minute >= 0 && minute < 60 && second >= 0 && second <= 60;
    *out = (((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000;
    return is_sane && (has_time ? parse_tail(text, out) : strcmp(text + (*text == 'Z'), "") == 0);
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
