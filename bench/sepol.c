/* Takes access decisions with libsepol, in a loop: what decisions cost in C.
 *
 * usage: sepol POLICY QUESTIONS TIMES ROUNDS
 *
 * QUESTIONS holds lines of source context, target context and class, separated by tabs. Prints the bytes of memory that
 * the process takes at most, then for each round the nanoseconds of TIMES decisions, which go through the questions
 * again and again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <sepol/debug.h>
#include <sepol/policydb/services.h>
#include <sepol/sepol.h>

struct question {
	sepol_security_id_t source, target;
	sepol_security_class_t object_class;
};

static void fail(const char *what)
{
	fprintf(stderr, "sepol: %s\n", what);
	exit(1);
}

static sepol_security_id_t sid(const char *context)
{
	sepol_security_id_t result;

	if (sepol_context_to_sid(context, strlen(context) + 1, &result))
		fail(context);
	return result;
}

static size_t read_questions(const char *path, struct question **questions)
{
	FILE *stream = fopen(path, "r");
	char *line = NULL;
	size_t room = 0, count = 0, capacity = 0;

	if (!stream)
		fail(path);
	while (getline(&line, &room, stream) > 0) {
		char *source = strtok(line, "\t\n"), *target = strtok(NULL, "\t\n"), *name = strtok(NULL, "\t\n");
		struct question *each;

		if (!name)
			fail("a question lacks a column");
		if (count == capacity) {
			capacity = capacity ? 2 * capacity : 1024;
			*questions = realloc(*questions, capacity * sizeof **questions);
			if (!*questions)
				fail("out of memory");
		}
		each = *questions + count++;
		each->source = sid(source);
		each->target = sid(target);
		if (sepol_string_to_security_class(name, &each->object_class))
			fail(name);
	}
	free(line);
	fclose(stream);
	return count;
}

int main(int argc, char **argv)
{
	struct question *questions = NULL;
	struct rusage usage;
	size_t count, times, rounds, place = 0;
	unsigned sum = 0;
	FILE *policy;

	if (argc != 5)
		fail("usage: sepol POLICY QUESTIONS TIMES ROUNDS");
	sepol_debug(0);
	policy = fopen(argv[1], "r");
	if (!policy || sepol_set_policydb_from_file(policy))
		fail(argv[1]);
	fclose(policy);
	count = read_questions(argv[2], &questions);
	times = strtoul(argv[3], NULL, 10);
	getrusage(RUSAGE_SELF, &usage);
	printf("%ld\n", usage.ru_maxrss * 1024);
	for (rounds = strtoul(argv[4], NULL, 10); rounds && count; rounds--) {
		struct timespec begin, end;

		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
		for (size_t number = 0; number < times; number++) {
			struct sepol_av_decision decision;
			const struct question *each = questions + place;

			if (++place == count)
				place = 0;
			if (sepol_compute_av(each->source, each->target, each->object_class, 0, &decision))
				fail("no decision");
			sum += decision.allowed;
		}
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
		printf("%lld\n", (end.tv_sec - begin.tv_sec) * 1000000000LL + end.tv_nsec - begin.tv_nsec);
	}
	return sum == 0xdeadbeef; /* so that the loop is not optimised away */
}
