// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L
#include "interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_t watcher;
static void (*on_signal)(void *);
static void *on_signal_argument;
static bool signalled, ending;

static sigset_t watched_signals(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    return signals;
}

static void *watch(void *unused) {
    (void)unused;
    const sigset_t signals = watched_signals();
    for (;;) {
        int signal_number;
        sigwait(&signals, &signal_number);
        pthread_mutex_lock(&mutex);
        const bool over = ending, again = signalled;
        signalled = true;
        if (!over && !again && on_signal) on_signal(on_signal_argument);
        pthread_mutex_unlock(&mutex);
        if (over) return NULL;
        if (again) _Exit(128 + signal_number);
    }
}

void interrupt_begin(void) {
    const sigset_t signals = watched_signals();
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    pthread_create(&watcher, NULL, watch, NULL);
}

void interrupt_calls(void (*stop)(void *), void *argument) {
    pthread_mutex_lock(&mutex);
    on_signal = stop;
    on_signal_argument = argument;
    if (signalled && stop) stop(argument);
    pthread_mutex_unlock(&mutex);
}

bool interrupted(void) {
    pthread_mutex_lock(&mutex);
    const bool value = signalled;
    pthread_mutex_unlock(&mutex);
    return value;
}

void interrupt_end(void) {
    pthread_mutex_lock(&mutex);
    ending = true;
    pthread_mutex_unlock(&mutex);
    pthread_kill(watcher, SIGTERM);
    pthread_join(watcher, NULL);
}
