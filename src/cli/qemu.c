#include "cli/qemu.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "cli/input_option.h"
#include "cli/process.h"
#include "device/device.h"

#define FRONT_END "vhost-user-test-device-pci"
#define INPUT_FRONT_END "vhost-user-input-pci"
#define OUTPUT_MAX (256 * 1024)
#define SOCKET_PATH_SIZE 512

/* ---- the line --------------------------------------------------------------------------- */

const char *qemu_default_program(void) {
    struct utsname system;
    if (uname(&system) == 0 &&
        (strcmp(system.machine, "arm64") == 0 || strcmp(system.machine, "aarch64") == 0)) {
        return "qemu-system-aarch64";
    }
    return "qemu-system-x86_64";
}

struct arguments {
    char **list;
    size_t count, capacity;
    bool failed;
};

static void add_owned(struct arguments *arguments, char *text) {
    if (arguments->count + 2 > arguments->capacity) {
        size_t capacity = arguments->capacity ? arguments->capacity * 2 : 32;
        char **list = realloc(arguments->list, capacity * sizeof(*list));
        if (list) {
            arguments->list = list;
            arguments->capacity = capacity;
        }
    }
    if (!text || arguments->count + 2 > arguments->capacity) {
        free(text);
        arguments->failed = true;
        return;
    }
    arguments->list[arguments->count++] = text;
    arguments->list[arguments->count] = NULL;
}

static void add(struct arguments *arguments, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void add(struct arguments *arguments, const char *format, ...) {
    char *text = NULL;
    va_list values;
    va_start(values, format);
    int length = vsnprintf(NULL, 0, format, values);
    va_end(values);
    if (length >= 0) {
        text = malloc((size_t)length + 1);
    }
    if (text) {
        va_start(values, format);
        vsnprintf(text, (size_t)length + 1, format, values);
        va_end(values);
    }
    add_owned(arguments, text);
}

/* In QEMU's option lists a comma in a value is written twice. */
static char *double_commas(const char *text) {
    char *out = malloc(2 * strlen(text) + 1);
    char *end = out;
    for (; out && *text; text++) {
        *end++ = *text;
        if (*text == ',') {
            *end++ = ',';
        }
    }
    if (out) {
        *end = 0;
    }
    return out;
}

static bool is_arm(const char *program) {
    return strstr(program, "aarch64") != NULL;
}

static void add_machine(struct arguments *arguments, const struct qemu_machine *machine) {
    const bool is_emulated = strcmp(machine->accelerator, "tcg") == 0;
    add(arguments, "-machine");
    add(arguments, "%s,memory-backend=mem", is_arm(machine->program) ? "virt" : "q35");
    add(arguments, "-accel");
    add(arguments, "%s", is_emulated ? "tcg,thread=multi" : machine->accelerator);
    add(arguments, "-cpu");
    add(arguments, "%s", is_emulated ? "max" : "host");
    add(arguments, "-smp");
    add(arguments, "%u", machine->processors);
    add(arguments, "-m");
    add(arguments, "%s", machine->memory);
    add(arguments, "-object");
    add(arguments, "%s,id=mem,size=%s,share=on", machine->memory_backend, machine->memory);
    if (is_arm(machine->program)) {
        add(arguments, "-bios");
        add(arguments, "edk2-aarch64-code.fd");
    }
}

static void add_gpu(struct arguments *arguments, const struct qemu_machine *machine) {
    char *path = double_commas(machine->socket_path);
    if (!path) {
        arguments->failed = true;
        return;
    }
    add(arguments, "-display");
    add(arguments, "none");
    add(arguments, "-vga");
    add(arguments, "none");
    /* Behind a port of its own the GPU can be taken away and put back: docs/virtio-gpu.md. */
    add(arguments, "-device");
    add(arguments, "pcie-root-port,id=vesper-port");
    add(arguments, "-chardev");
    add(arguments, "socket,id=vesper,path=%s", path);
    add(arguments, "-device");
    add(arguments,
        FRONT_END ",id=vesper-gpu,bus=vesper-port,chardev=vesper,virtio-id=16,num_vqs=%d,"
                  "vq_size=256,config_size=%d",
        DEVICE_QUEUE_COUNT, DEVICE_CONFIG_SIZE);
    free(path);
}

static void add_input(struct arguments *arguments, const struct qemu_machine *machine,
                      enum input_kind kind) {
    char path[SOCKET_PATH_SIZE];
    char *escaped =
        cli_input_path(machine->socket_path, kind, path, sizeof(path)) ? double_commas(path) : NULL;
    if (!escaped) {
        arguments->failed = true;
        return;
    }
    const char *name = input_kind_name(kind);
    add(arguments, "-chardev");
    add(arguments, "socket,id=vesper-%s,path=%s", name, escaped);
    add(arguments, "-device");
    add(arguments, INPUT_FRONT_END ",id=vesper-%s-device,chardev=vesper-%s", name, name);
    free(escaped);
}

/* QEMU's own where there are none of Vesper's: a display that the person adds to QEMU has use for
 * them. */
static void add_inputs(struct arguments *arguments, const struct qemu_machine *machine) {
    for (int kind = 0; kind < INPUT_KIND_COUNT; kind++) {
        if (machine->inputs & CLI_INPUT_BIT(kind)) {
            add_input(arguments, machine, (enum input_kind)kind);
        }
    }
    if (!machine->inputs) {
        add(arguments, "-device");
        add(arguments, "virtio-keyboard-pci");
        add(arguments, "-device");
        add(arguments, "virtio-tablet-pci");
    }
}

static void add_disk(struct arguments *arguments, const char *disk) {
    char *path = double_commas(disk);
    if (!path) {
        arguments->failed = true;
        return;
    }
    add(arguments, "-drive");
    add(arguments, "if=virtio,file=%s", path);
    free(path);
}

char **qemu_compose_arguments(const struct qemu_machine *machine) {
    struct arguments arguments = {0};
    add(&arguments, "%s", machine->program);
    add_machine(&arguments, machine);
    add_gpu(&arguments, machine);
    add_inputs(&arguments, machine);
    if (machine->disk) {
        add_disk(&arguments, machine->disk);
    }
    for (char *const *extra = machine->extra; extra && *extra; extra++) {
        add(&arguments, "%s", *extra);
    }
    if (arguments.failed) {
        qemu_free_arguments(arguments.list);
        return NULL;
    }
    return arguments.list;
}

void qemu_free_arguments(char **arguments) {
    for (char **argument = arguments; argument && *argument; argument++) {
        free(*argument);
    }
    free(arguments);
}

static bool needs_quotes(const char *text) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+=./,:@%";
    return text[0] == 0 || text[strspn(text, plain)] != 0;
}

/* Counts, and writes where there is room already. */
struct text {
    char *out;
    size_t length;
};

static void put(struct text *text, char c) {
    if (text->out) {
        text->out[text->length] = c;
    }
    text->length++;
}

static void put_quoted(struct text *text, const char *argument) {
    const bool quoted = needs_quotes(argument);
    if (quoted) {
        put(text, '\'');
    }
    for (; *argument; argument++) {
        if (*argument == '\'') {
            put(text, '\'');
            put(text, '\\');
            put(text, '\'');
        }
        put(text, *argument);
    }
    if (quoted) {
        put(text, '\'');
    }
}

static void put_line(struct text *text, char *const *arguments) {
    for (; *arguments; arguments++) {
        put_quoted(text, *arguments);
        put(text, arguments[1] ? ' ' : 0);
    }
}

char *qemu_quote_arguments(char *const *arguments) {
    struct text counted = {0};
    put_line(&counted, arguments);
    struct text written = {.out = malloc(counted.length + 1)};
    if (written.out) {
        written.out[0] = 0;
        put_line(&written, arguments);
    }
    return written.out;
}

/* ---- what is installed ------------------------------------------------------------------ */

int qemu_parse_version(const char *text, unsigned *out_major, unsigned *out_minor) {
    const char *version = strstr(text, "version ");
    return version && sscanf(version, "version %u.%u", out_major, out_minor) == 2 ? 0 : -EINVAL;
}

static int check_version(const char *program, const char *output, char *reason,
                         size_t reason_size) {
    unsigned major, minor;
    if (qemu_parse_version(output, &major, &minor)) {
        snprintf(reason, reason_size, "%s does not say its version; is it QEMU?", program);
        return -EINVAL;
    }
    if (major < QEMU_MAJOR_MIN || (major == QEMU_MAJOR_MIN && minor < QEMU_MINOR_MIN)) {
        snprintf(reason, reason_size,
                 "%s is QEMU %u.%u; Vesper needs %u.%u or later, which maps a back end's memory",
                 program, major, minor, QEMU_MAJOR_MIN, QEMU_MINOR_MIN);
        return -ENOTSUP;
    }
    return 0;
}

static int capture(const char *program, const char *const *arguments, char *output, char *reason,
                   size_t reason_size) {
    int error = process_capture(arguments, output, OUTPUT_MAX);
    if (error) {
        snprintf(reason, reason_size, "%s cannot be run: %s (QEMU %u.%u or later is needed)",
                 program, strerror(-error), QEMU_MAJOR_MIN, QEMU_MINOR_MIN);
    }
    return error;
}

static int check_devices(const char *program, uint32_t inputs, const char *output, char *reason,
                         size_t reason_size) {
    if (!strstr(output, "\"" FRONT_END "\"")) {
        snprintf(reason, reason_size,
                 "%s has no device " FRONT_END ": it was built without vhost-user", program);
        return -ENOTSUP;
    }
    if (inputs && !strstr(output, "\"" INPUT_FRONT_END "\"")) {
        snprintf(reason, reason_size,
                 "%s has no device " INPUT_FRONT_END "; --input=none does without", program);
        return -ENOTSUP;
    }
    return 0;
}

int qemu_check(const char *program, uint32_t inputs, char *reason, size_t reason_size) {
    char *output = malloc(OUTPUT_MAX);
    if (!output) {
        snprintf(reason, reason_size, "there is no memory");
        return -ENOMEM;
    }
    const char *const ask_version[] = {program, "--version", NULL};
    const char *const ask_devices[] = {program, "-device", "help", NULL};
    int error = capture(program, ask_version, output, reason, reason_size);
    if (!error) {
        error = check_version(program, output, reason, reason_size);
    }
    if (!error) {
        error = capture(program, ask_devices, output, reason, reason_size);
    }
    if (!error) {
        error = check_devices(program, inputs, output, reason, reason_size);
    }
    free(output);
    return error;
}
