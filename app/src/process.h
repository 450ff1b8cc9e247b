/*
 * process -- what this process takes of the machine, as the kernel counts it (Linux).
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

#endif
