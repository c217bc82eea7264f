/* The rows of features and how they are found; see feature.h. */
#include "log/meta/feature.h"

#include "log/base/check.h"

static const struct feature feature_rows[] = {
#define FEATURE(name, lowest, highest) {name, lowest, highest},
#include "log/meta/feature.def"
#undef FEATURE
};

const struct feature *feature_next(const struct feature *feature)
{
    const struct feature *end = feature_rows + sizeof feature_rows / sizeof *feature_rows;
    feature = feature == NULL ? feature_rows : feature + 1;
    return feature == end ? NULL : feature;
}

const struct feature *feature_find(struct bytes name)
{
    const struct feature *feature = feature_next(NULL);
    while (feature != NULL && !bytes_equal_string(name, feature->name)) {
        feature = feature_next(feature);
    }
    return feature;
}

void feature_check(void)
{
    for (const struct feature *feature = feature_next(NULL); feature != NULL;
         feature = feature_next(feature)) {
        check(0 <= feature->lowest);
        check(feature->lowest <= feature->highest);
        check(feature_find(bytes_from_string(feature->name)) == feature);
    }
}
