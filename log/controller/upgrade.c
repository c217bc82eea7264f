/* Judges UpdateFeatures (KIP-584, KIP-778); see upgrade.h.
 *
 * All updates of a request happen or none: the first that is refused is told for all. */
#include "log/controller/upgrade.h"

#include "log/base/error.h"
#include "log/meta/feature.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 4, 5))) static void
upgrade_refuse(struct decision *decision, struct controller_update_features *operation,
               const struct controller_feature_update *update, const char *format, ...)
{
    va_list arguments;
    char reason[128];
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    decision_refuse(decision, &operation->refusal, &operation->message,
                    ERROR_INVALID_UPDATE_VERSION,
                    "The update failed for all features since the following feature had an error: "
                    "Invalid update version %d for feature %.*s. %s",
                    update->level, BYTES_FORMAT(update->name), reason);
}

static void upgrade_judge(struct decision *decision, struct controller_update_features *operation,
                          const struct controller_feature_update *update)
{
    const struct feature *feature = feature_find(update->name);
    int node = (int)meta_node_id(decision->meta);
    if (update->kind < CONTROLLER_UPGRADE || update->kind > CONTROLLER_UNSAFE_DOWNGRADE) {
        upgrade_refuse(decision, operation, update,
                       "The controller does not support the given upgrade type.");
    } else if (update->level < 0) {
        upgrade_refuse(decision, operation, update, "A feature version cannot be less than 0.");
    } else if (feature == NULL) {
        upgrade_refuse(decision, operation, update,
                       "Local controller %d does not support this feature.", node);
    } else if (update->level < feature->lowest || update->level > feature->highest) {
        upgrade_refuse(decision, operation, update,
                       "Local controller %d only supports versions "
                       "%d-%d",
                       node, feature->lowest, feature->highest);
    } else if (update->kind == CONTROLLER_UPGRADE &&
               update->level < meta_feature_level(decision->meta, feature->name)) {
        upgrade_refuse(decision, operation, update,
                       "Can't downgrade the version of this feature without setting the upgrade "
                       "type to either safe or unsafe downgrade.");
    }
}

static int upgrade_decide(struct decision *decision, struct controller_operation *head)
{
    struct controller_update_features *operation = (struct controller_update_features *)head;
    for (size_t i = 0; i < operation->count && operation->refusal == 0; i++) {
        upgrade_judge(decision, operation, &operation->updates[i]);
    }
    for (size_t i = 0; i < operation->count && operation->refusal == 0; i++) {
        const struct controller_feature_update *update = &operation->updates[i];
        const struct feature *feature = feature_find(update->name);
        if (!operation->is_validate_only &&
            meta_feature_level(decision->meta, feature->name) != update->level) {
            decision_set_feature(decision, feature->name, update->level);
        }
    }
    return 0;
}

static void upgrade_settle(struct controller_operation *head, int error)
{
    struct controller_update_features *operation = (struct controller_update_features *)head;
    if (error != 0 && operation->refusal == 0) {
        operation->refusal = error;
        operation->message = error_text(error);
    }
}

const struct decision_kind upgrade_kind = {
    .decide = upgrade_decide,
    .settle = upgrade_settle,
};
