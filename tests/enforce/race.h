/* What the attackers of the tests have in common, which race the supervisor from a thread or a process of their own. */
#include <errno.h>
#include <time.h>

enum { PATIENCE = 60 }; /* seconds */

static int is_in_time(void) {
    static time_t end;
    if (!end) end = time(0) + PATIENCE;
    return time(0) < end;
}

/* Whether there is a round of this number: ROUNDS there are, and more until what has to come about has, which on a busy
   machine may take as long as other programs have the processors. */
#define GOES_ON(round, has_come_about) ((round) < ROUNDS || (!(has_come_about) && is_in_time()))
