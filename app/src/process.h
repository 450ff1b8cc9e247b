/*
 * process -- what this process takes of the machine, as the kernel counts it, and how it takes it (Linux).
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdint.h>

/* Memory that is in RAM now; 0 where the kernel does not say. */
int64_t process_resident_bytes(void);

/* Open files, sockets among them; 0 where the kernel does not say. */
int64_t process_open_fds(void);

/* CPU time spent so far, in user and system mode, all threads together. */
int64_t process_cpu_us(void);

/*
 * From now on a thread that is woken does not take the processor from whoever runs: it is taken when it is free
 * (SCHED_BATCH, sched(7)). On a busy machine the web server and the database then finish what they are at, which is
 * fewer switches for the same work; on one that is not, nothing changes. Threads made later inherit it, so call it
 * before there are any. Where the kernel says no, all stays as it was.
 */
void process_let_others_finish(void);

#endif
