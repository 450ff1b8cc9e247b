/*
 * libfcgi-threaded -- libfcgi as its documentation has it: threads that take turns in
 * FCGX_Accept_r(), a mutex around it (the pattern of examples/threaded.c).
 *
 *   libfcgi-threaded SOCKET THREADS
 *
 * FCGX_Accept_r() also waits for the next request of a kept connection, and it does so
 * with the mutex held: one quiet connection stops all threads.
 */
#include <fcgiapp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { THREADS_MAX = 256, BACKLOG = 4096 };

static int listener;

static void *serve(void *unused) {
    static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
    FCGX_Request request;
    FCGX_InitRequest(&request, listener, 0);
    for (;;) {
        pthread_mutex_lock(&turn);
        int status = FCGX_Accept_r(&request);
        pthread_mutex_unlock(&turn);
        if (status < 0) {
            return unused;
        }
        FCGX_PutS("Status: 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 6\r\n\r\nalive\n",
                  request.out);
        FCGX_Finish_r(&request);
    }
}

int main(int argc, char **argv) {
    int threads = argc == 3 ? atoi(argv[2]) : 0;
    if (threads < 1 || threads > THREADS_MAX) {
        fputs("usage: libfcgi-threaded SOCKET THREADS\n", stderr);
        return EXIT_FAILURE;
    }
    umask(0); /* whoever shares the volume may connect */
    listener = FCGX_OpenSocket(argv[1], BACKLOG);
    if (listener < 0 || FCGX_Init() != 0) {
        fprintf(stderr, "libfcgi-threaded: cannot listen on %s\n", argv[1]);
        return EXIT_FAILURE;
    }
    pthread_t thread[THREADS_MAX];
    for (int i = 1; i < threads; i++) {
        if (pthread_create(&thread[i], NULL, serve, NULL) != 0) {
            fputs("libfcgi-threaded: cannot start a thread\n", stderr);
            return EXIT_FAILURE;
        }
    }
    serve(NULL);
    return EXIT_SUCCESS;
}
