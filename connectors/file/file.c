/* The library file.so: the file source and the file sink. */
#include "connectors/file/sink.h"
#include "connectors/file/source.h"

TIDEMILL_PLUGIN("file", TIDEMILL_VERSION, "Apache-2.0", &source_kind, &sink_kind);
