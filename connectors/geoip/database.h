/* A MaxMind database in memory.
 *
 * The library maps the file it is given, and a map of a file that somebody shortens ends the whole
 * process. So the file is copied to memory first and the copy is mapped: what happens to the file
 * afterwards harms nobody, and a new file is judged while the old copy is still in use. Copies are
 * large (a city database has 60 MB), so all instances in a process share one per file; the list of
 * them is the one thing here that threads share, behind a lock that no lookup takes.
 *
 * Owns:   the copy, as long as somebody has it open.
 * Thread: any; a database is read-only. */
#pragma once

#include "connectors/geoip/ip.h"

#include <maxminddb.h>
#include <sys/stat.h>

/* Which content a file had. */
struct database_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
    struct timespec changed;
};

enum { DATABASE_REASON_SIZE = 300 };

struct database;

/* All zero when there is no file. */
struct database_stamp database_stamp_read(const char *path);
bool database_stamp_equals(const struct database_stamp *left, const struct database_stamp *right);

/* NULL with a reason, which goes on behind the path: "cannot be opened: …". */
struct database *database_open(const char *path, char reason[DATABASE_REASON_SIZE]);
/* NULL is fine. */
void database_close(struct database *database);
const struct database_stamp *database_stamp(const struct database *database);
/* MMDB_SUCCESS or another status of the library; what was found is valid as long as the database.
 */
int database_find(struct database *database, const struct ip *ip, MMDB_lookup_result_s *out);
