/* Checks of the admin calls that librdkafka 2.0 has: create, delete, describe and alter configs.
 * Thread: main. */
#pragma once

const char *admin_check_topics(void);
const char *admin_check_configs(void);
