#include "cli/stop_signals.h"

#include <signal.h>
#include <stddef.h>

static void (*stop_running)(void *argument);
static void *running;

void stop_signals_restore(void) {
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}

static void handle_signal(int signal_number) {
    (void)signal_number;
    stop_signals_restore();
    stop_running(running);
}

void stop_signals_handle(void (*stop)(void *argument), void *argument) {
    stop_running = stop;
    running = argument;
    struct sigaction action = {.sa_handler = handle_signal};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}
