/* See quota_choice.h. */
#include "runtime/cli/quota_choice.h"

const char *quota_choice_type(size_t part)
{
    static const char *const types[QUOTA_CHOICE_PARTS] = {"user", "client-id", "ip"};
    return types[part];
}

int quota_choice_judge(struct command_world *world, const struct quota_choice_flags *flags)
{
    static const char *const words[QUOTA_CHOICE_PARTS] = {"user", "client", "ip"};
    for (size_t i = 0; i < QUOTA_CHOICE_PARTS; i++) {
        if ((flags->names[i] != NULL) + flags->is_default[i] + flags->is_any[i] > 1) {
            return command_misuse(world, "--%s, --%s-default and --%ss each say whose; give one",
                                  words[i], words[i], words[i]);
        }
    }
    return COMMAND_OK;
}

bool quota_choice_has(const struct quota_choice_flags *flags, size_t part)
{
    return flags->names[part] != NULL || flags->is_default[part] || flags->is_any[part];
}

bool quota_choice_is_empty(const struct quota_choice_flags *flags)
{
    for (size_t i = 0; i < QUOTA_CHOICE_PARTS; i++) {
        if (quota_choice_has(flags, i)) {
            return false;
        }
    }
    return true;
}

void quota_choice_print(const struct quota_choice_flags *flags, struct buffer *out)
{
    const char *comma = "";
    for (size_t i = 0; i < QUOTA_CHOICE_PARTS; i++) {
        if (flags->names[i] != NULL) {
            buffer_printf(out, "%s%s '%s'", comma, quota_choice_type(i), flags->names[i]);
            comma = ", ";
        } else if (flags->is_default[i]) {
            buffer_printf(out, "%sthe default %s", comma, quota_choice_type(i));
            comma = ", ";
        }
    }
}
