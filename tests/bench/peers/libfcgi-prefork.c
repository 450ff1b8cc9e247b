/*
 * libfcgi-prefork -- libfcgi at its best: processes instead of threads, each accepting
 * for itself, no mutex. As a process serves one connection at a time, a web server must
 * keep no more connections than there are processes.
 *
 *   libfcgi-prefork SOCKET PROCESSES
 */
#include <fcgiapp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

enum { PROCESSES_MAX = 256, BACKLOG = 4096 };

static void serve(int listener) {
    FCGX_Request request;
    FCGX_InitRequest(&request, listener, 0);
    while (FCGX_Accept_r(&request) == 0) {
        FCGX_PutS("Status: 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 6\r\n\r\nalive\n",
                  request.out);
        FCGX_Finish_r(&request);
    }
}

int main(int argc, char **argv) {
    int processes = argc == 3 ? atoi(argv[2]) : 0;
    if (processes < 1 || processes > PROCESSES_MAX) {
        fputs("usage: libfcgi-prefork SOCKET PROCESSES\n", stderr);
        return EXIT_FAILURE;
    }
    umask(0); /* whoever shares the volume may connect */
    int listener = FCGX_OpenSocket(argv[1], BACKLOG);
    if (listener < 0 || FCGX_Init() != 0) {
        fprintf(stderr, "libfcgi-prefork: cannot listen on %s\n", argv[1]);
        return EXIT_FAILURE;
    }
    for (int i = 0; i < processes; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL); /* goes with its parent */
            serve(listener);
            _exit(EXIT_FAILURE);
        }
        if (pid < 0) {
            fputs("libfcgi-prefork: cannot start a process\n", stderr);
            return EXIT_FAILURE;
        }
    }
    /* No process is meant to end; if one does, all are done. */
    wait(NULL);
    return EXIT_FAILURE;
}
