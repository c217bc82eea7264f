/* Calendar arithmetic; see calendar.h. The calendar is the Gregorian one for all time. */
#include "runtime/format/calendar.h"

#include "log/base/error.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct moment {
    int64_t year;
    int64_t month; /* 1-12 */
    int64_t day;
    int64_t hour;
    int64_t minute;
    int64_t second;
    int64_t millisecond;
    int64_t offset_minutes; /* east of UTC */
};

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool is_wrong;
};

static int64_t take_number(struct cursor *cursor, int digits)
{
    int64_t value = 0;
    for (int i = 0; i < digits; i++) {
        if (cursor->at == cursor->end || !isdigit(*cursor->at)) {
            cursor->is_wrong = true;
            return 0;
        }
        value = value * 10 + (*cursor->at++ - '0');
    }
    return value;
}

static bool take(struct cursor *cursor, const char *any)
{
    if (cursor->at < cursor->end && *cursor->at != 0 && strchr(any, *cursor->at) != NULL) {
        cursor->at++;
        return true;
    }
    return false;
}

static void expect(struct cursor *cursor, const char *any)
{
    cursor->is_wrong |= !take(cursor, any);
}

/* Days since 1970-01-01. Years are counted from March, so that a leap day is the last of a year. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t shifted = month > 2 ? year : year - 1;
    int64_t from_march = month > 2 ? month - 3 : month + 9;
    int64_t leap_days = shifted / 4 - shifted / 100 + shifted / 400;
    return shifted * 365 + leap_days + (from_march * 153 + 2) / 5 + day - 1 - 719468;
}

static bool is_moment(const struct moment *it)
{
    static const int8_t days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (it->year % 4 == 0 && it->year % 100 != 0) || it->year % 400 == 0;
    if (it->month < 1 || it->month > 12 || it->day < 1 || it->day > days[it->month - 1] ||
        (it->month == 2 && it->day == 29 && !is_leap)) {
        return false;
    }
    return it->year >= 1 && it->hour <= 23 && it->minute <= 59 && it->second <= 60;
}

static int finish(const struct cursor *cursor, const struct moment *it, int64_t *out)
{
    if (cursor->is_wrong || cursor->at != cursor->end || !is_moment(it)) {
        return ERROR_MALFORMED;
    }
    int64_t minutes = (days_of(it->year, it->month, it->day) * 24 + it->hour) * 60 + it->minute -
                      it->offset_minutes;
    *out = (minutes * 60 + it->second) * 1000 + it->millisecond;
    return 0;
}

static void take_offset(struct cursor *cursor, struct moment *it)
{
    if (take(cursor, "Zz")) {
        return;
    }
    bool is_west = cursor->at < cursor->end && *cursor->at == '-';
    expect(cursor, "+-");
    int64_t hours = take_number(cursor, 2);
    take(cursor, ":");
    int64_t minutes = take_number(cursor, 2);
    cursor->is_wrong |= hours > 23 || minutes > 59;
    it->offset_minutes = (hours * 60 + minutes) * (is_west ? -1 : 1);
}

static void take_fraction(struct cursor *cursor, struct moment *it)
{
    if (!take(cursor, ".,")) {
        return;
    }
    int64_t scale = 100;
    cursor->is_wrong |= cursor->at == cursor->end || !isdigit(*cursor->at);
    while (cursor->at < cursor->end && isdigit(*cursor->at)) {
        it->millisecond += (*cursor->at++ - '0') * scale;
        scale /= 10;
    }
}

int calendar_parse_iso(struct bytes text, int64_t *out)
{
    struct cursor cursor = {.at = text.data, .end = text.data + text.size};
    struct moment it = {0};
    it.year = take_number(&cursor, 4);
    expect(&cursor, "-");
    it.month = take_number(&cursor, 2);
    expect(&cursor, "-");
    it.day = take_number(&cursor, 2);
    expect(&cursor, "Tt ");
    it.hour = take_number(&cursor, 2);
    expect(&cursor, ":");
    it.minute = take_number(&cursor, 2);
    expect(&cursor, ":");
    it.second = take_number(&cursor, 2);
    take_fraction(&cursor, &it);
    take_offset(&cursor, &it);
    return finish(&cursor, &it, out);
}

int calendar_parse_clf(struct bytes text, int64_t *out)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct cursor cursor = {.at = text.data, .end = text.data + text.size};
    struct moment it = {0};
    it.day = take_number(&cursor, 2);
    expect(&cursor, "/");
    for (int i = 0; i < 12 && cursor.end - cursor.at >= 3; i++) {
        it.month = memcmp(cursor.at, months + (ptrdiff_t)i * 3, 3) == 0 ? i + 1 : it.month;
    }
    cursor.at += it.month > 0 ? 3 : 0;
    expect(&cursor, "/");
    it.year = take_number(&cursor, 4);
    expect(&cursor, ":");
    it.hour = take_number(&cursor, 2);
    expect(&cursor, ":");
    it.minute = take_number(&cursor, 2);
    expect(&cursor, ":");
    it.second = take_number(&cursor, 2);
    expect(&cursor, " ");
    take_offset(&cursor, &it);
    return finish(&cursor, &it, out);
}

int calendar_write(int64_t time_ms, char out[CALENDAR_SIZE])
{
    if (time_ms < -62167219200000 || time_ms > 253402300799999) {
        return ERROR_INVALID;
    }
    int64_t days = time_ms / 86400000 - (time_ms % 86400000 < 0);
    int64_t rest = time_ms - days * 86400000;
    int64_t shifted = days + 719468; /* days since 0000-03-01 */
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t from_march = (5 * day_of_year + 2) / 153;
    int64_t day = day_of_year - (153 * from_march + 2) / 5 + 1;
    int64_t month = from_march < 10 ? from_march + 3 : from_march - 9;
    int64_t year = year_of_era + era * 400 + (month <= 2);
    snprintf(out, CALENDAR_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (int)year, (int)month,
             (int)day, (int)(rest / 3600000), (int)(rest / 60000 % 60), (int)(rest / 1000 % 60),
             (int)(rest % 1000));
    return 0;
}
