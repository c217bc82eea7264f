/* Feeds text to the sandbox as a script and, when it is one, sends it a record.
 *
 * Promises: whatever the text says, the process goes on; the script stays inside its memory and
 * ends in time (libFuzzer's -timeout); a script that is refused says why. */
#include "log/base/error.h"
#include "log/base/trace.h"
#include "runtime/lua/script.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/gauge.h"
#include "tests/unit/runtime/mill_driver.h"

enum {
    FUZZ_SCRIPT_MEMORY = 1 << 20,
    FUZZ_MEMORY_MIN = 16 << 20, /* the sandbox itself and what one record may emit */
    FUZZ_CPU_MS = 10,
};

static void fuzz_run(const struct script *script)
{
    struct mill_driver driver;
    mill_driver_init(&driver, script_topology(script));
    driver.emit_limit = 100;
    for (int i = 0; i < 2; i++) {
        (void)mill_driver_send(&driver, "in", "k", i == 0 ? "{\"a\":[1,{\"b\":null}]}" : NULL,
                               1000 + i);
    }
    (void)mill_driver_advance(&driver, 1000);
    (void)mill_driver_stop(&driver);
    mill_driver_fini(&driver);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct report report = {.text = ""};
    struct script *script = NULL;
    struct script_options options = {
        .name = "app.lua",
        .text = bytes_make(data, size),
        .limits = {.memory_size = FUZZ_SCRIPT_MEMORY,
                   .callback_ms = FUZZ_CPU_MS,
                   .load_ms = FUZZ_CPU_MS,
                   .emit_count = 100,
                   .emit_size = 1 << 16},
    };
    trace_set_stream(NULL);
    gauge_start(FUZZ_MEMORY_MIN);
    int error = script_open(&options, &report, &script);
    check(error == 0 || error == ERROR_INVALID);
    check((error == 0) == report_is_empty(&report));
    if (error == 0) {
        check(script_memory_size(script) <= FUZZ_SCRIPT_MEMORY);
        fuzz_run(script);
        script_collect(script);
    }
    script_close(script);
    return 0;
}
