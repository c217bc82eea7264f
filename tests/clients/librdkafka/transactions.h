/* Checks of the transactions that librdkafka 2.0 has, which is from before transactions v2.
 * Thread: main. */
#pragma once

const char *transactions_check_ends(void);
const char *transactions_check_offsets(void);
const char *transactions_check_zombie(void);
const char *transactions_check_timeout(void);
