#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/process.h"
#include "cli/qemu.h"
#include "cli/session.h"
#include "platform/platform.h"

static volatile sig_atomic_t qemu_pid;

/* QEMU ends in order and we after it. */
static void forward_signal(int signal_number) {
    if (qemu_pid > 0) {
        kill((pid_t)qemu_pid, signal_number == SIGINT ? SIGTERM : signal_number);
    }
}

/* Sets the handlers, and holds the signals back until there is somebody to forward them to. */
static void hold_signals(sigset_t *out_before) {
    static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT};
    struct sigaction action = {.sa_handler = forward_signal};
    sigemptyset(&action.sa_mask);
    sigset_t held;
    sigemptyset(&held);
    for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++) {
        sigaction(forwarded[i], &action, NULL);
        sigaddset(&held, forwarded[i]);
    }
    sigprocmask(SIG_BLOCK, &held, out_before);
}

static void print_help(const struct cli_option *options) {
    puts("Usage: vesper run [OPTION…] [DISK] [-- QEMU-ARGUMENT…]\n"
         "\n"
         "Starts a virtual machine with a Vulkan GPU: a stock QEMU, and Vesper as its virtio-gpu.\n"
         "DISK is a disk image, for example a qcow2 file. What follows -- goes to QEMU as it is.\n"
         "\n"
         "Options:");
    cli_print_options(options);
    puts("\n"
         "Exit codes: QEMU's; 1 failed to start, 2 wrong usage, 128 + N ended by signal N.");
}

struct run {
    struct session_options session;
    struct qemu_machine machine;
    bool print_only;
    char folder[64];
    char socket_path[96];
};

static int make_folder(struct run *run) {
    const char *parent = getenv("XDG_RUNTIME_DIR");
    int length = -1;
    if (parent && access(parent, W_OK) == 0) {
        length = snprintf(run->folder, sizeof(run->folder), "%s/vesper.XXXXXX", parent);
    }
    if (length < 0 || (size_t)length >= sizeof(run->folder)) {
        snprintf(run->folder, sizeof(run->folder), "/tmp/vesper.XXXXXX");
    }
    if (!mkdtemp(run->folder)) {
        cli_error("run: a folder for the socket cannot be made at %s: %s", run->folder,
                  strerror(errno));
        return CLI_FAILED;
    }
    snprintf(run->socket_path, sizeof(run->socket_path), "%s/gpu", run->folder);
    run->machine.socket_path = run->socket_path;
    run->session.server.socket_path = run->socket_path;
    return CLI_OK;
}

static int to_exit_code(int status) {
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

struct qemu_waiter {
    pid_t pid;
    struct session *session;
    int result;
    pthread_t thread;
};

/* Beside the main thread, which shows windows. */
static void *wait_for_qemu(void *argument) {
    struct qemu_waiter *waiter = argument;
    int status;
    pid_t pid;
    do {
        pid = waitpid(waiter->pid, &status, 0);
    } while (pid < 0 && errno == EINTR);
    if (pid < 0) {
        cli_error("run: QEMU is lost: %s", strerror(errno));
        waiter->result = CLI_FAILED;
    } else {
        waiter->result = to_exit_code(status);
    }
    qemu_pid = 0;
    session_stop(waiter->session);
    return NULL;
}

/* Until QEMU ends, on its own or because the last window was closed. */
static int show_until_qemu_ends(struct session *session, pid_t pid) {
    struct qemu_waiter waiter = {.pid = pid, .session = session};
    int error = platform_thread_start(&waiter.thread, "vesper-qemu", wait_for_qemu, &waiter);
    if (error) {
        cli_error("run: QEMU cannot be waited for: %s", strerror(-error));
        forward_signal(SIGTERM);
        return CLI_FAILED;
    }
    session_wait(session);
    pthread_join(waiter.thread, NULL);
    return waiter.result;
}

static void stop_qemu(void *user) {
    (void)user;
    forward_signal(SIGTERM);
}

static int start_and_wait(struct run *run, char **arguments) {
    int result;
    run->session.closed = stop_qemu;
    run->session.isolation.disk = run->machine.disk;
    struct session *session = session_start(&run->session, &result);
    if (!session) {
        return result;
    }
    sigset_t before;
    hold_signals(&before);
    pid_t pid = 0;
    int error = process_start((const char *const *)arguments, &pid);
    qemu_pid = pid;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (error) {
        cli_error("run: %s cannot be started: %s", run->machine.program, strerror(-error));
        result = CLI_FAILED;
    } else {
        result = show_until_qemu_ends(session, pid);
    }
    session_destroy(session);
    return result;
}

static int print_line(char **arguments) {
    char *line = qemu_quote_arguments(arguments);
    if (!line) {
        cli_error("run: there is no memory");
        return CLI_FAILED;
    }
    puts(line);
    free(line);
    return CLI_OK;
}

static int compose_and(struct run *run, int (*use)(struct run *run, char **arguments)) {
    char **arguments = qemu_compose_arguments(&run->machine);
    if (!arguments) {
        cli_error("run: there is no memory");
        return CLI_FAILED;
    }
    int result = use(run, arguments);
    qemu_free_arguments(arguments);
    return result;
}

static int print_composed(struct run *run, char **arguments) {
    (void)run;
    return print_line(arguments);
}

static int check_disk(const char *disk) {
    if (disk && access(disk, R_OK) < 0) {
        cli_error("run: the disk %s cannot be read: %s", disk, strerror(errno));
        return CLI_FAILED;
    }
    return CLI_OK;
}

static int run_machine(struct run *run) {
    char reason[256];
    if (qemu_check(run->machine.program, run->machine.inputs, reason, sizeof(reason))) {
        cli_error("run: %s", reason);
        return CLI_FAILED;
    }
    int result = check_disk(run->machine.disk);
    if (result == CLI_OK) {
        result = make_folder(run);
    }
    if (result != CLI_OK) {
        return result;
    }
    result = compose_and(run, start_and_wait);
    rmdir(run->folder);
    return result;
}

int command_run(int argc, char **argv) {
    struct run run = {
        .machine =
            {
                .program = qemu_default_program(),
                .accelerator = platform_qemu_accelerator(),
                .memory_backend = platform_qemu_memory_backend(),
                .memory = "4G",
                .processors = platform_processor_count(),
                .socket_path = "SOCKET",
            },
    };
    session_options_init(&run.session);
    run.session.display = "auto";
    const struct cli_option table[] = {
        {"DISK", CLI_OPERAND, &run.machine.disk, "", "disk image to start from"},
        {"--qemu", CLI_TEXT, &run.machine.program, "PATH",
         "the QEMU to run (qemu-system-… of this computer's processor)"},
        {"--memory", CLI_TEXT, &run.machine.memory, "SIZE", "the guest's memory (4G)"},
        {"--cpus", CLI_U32, &run.machine.processors, "N",
         "the guest's processors (as many as here)"},
        {"--accel", CLI_TEXT, &run.machine.accelerator, "NAME",
         "kvm, hvf or tcg (the best that works here)"},
        {"--print", CLI_SWITCH, &run.print_only, "",
         "print QEMU's command line and end; SOCKET stands for vesper serve's,\n"
         "beside which its input devices listen"},
        {"--", CLI_REST, &run.machine.extra, "…", "arguments for QEMU"},
        SESSION_OPTION_ROWS(run.session),
        {0},
    };
    int result = cli_parse_options("run", table, argc, argv);
    if (result == CLI_HELP) {
        print_help(table);
        return CLI_OK;
    }
    if (result != CLI_OK) {
        return result;
    }
    /* An emulated machine maps pages of 4 KiB on every host. */
    if (!run.session.server.device.blob_alignment && strcmp(run.machine.accelerator, "tcg") == 0) {
        run.session.server.device.blob_alignment = 4096;
    }
    result = session_choose_inputs(&run.session);
    if (result != CLI_OK) {
        return result;
    }
    run.machine.inputs = run.session.inputs;
    return run.print_only ? compose_and(&run, print_composed) : run_machine(&run);
}
