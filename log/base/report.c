/* Keeps the first sentence about wrong input; see report.h. */
#include "log/base/report.h"

#include "log/base/error.h"

#include <stdarg.h>
#include <stdio.h>

int report_add(struct report *report, const char *place, const char *format, ...)
{
    if (report == NULL || !report_is_empty(report)) {
        return ERROR_INVALID;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report->text, sizeof report->text, format, arguments);
    va_end(arguments);
    snprintf(report->place, sizeof report->place, "%s", place == NULL ? "" : place);
    return ERROR_INVALID;
}

bool report_is_empty(const struct report *report)
{
    return report->text[0] == 0;
}
