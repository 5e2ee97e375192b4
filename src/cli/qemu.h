/* The QEMU command line of `vesper run`: what a stock QEMU needs to take Vesper's device. Facts:
 * docs/virtio-gpu.md. Main thread. */
#ifndef VESPER_CLI_QEMU_H
#define VESPER_CLI_QEMU_H

#include <stddef.h>
#include <stdint.h>

/* The oldest QEMU that maps a back end's shared memory. */
#define QEMU_MAJOR_MIN 11
#define QEMU_MINOR_MIN 1

struct qemu_machine {
    const char *program;      /* path or name of a qemu-system-…; its name says the processor */
    const char *accelerator;  /* "kvm", "hvf" or "tcg" */
    const char *memory_backend; /* QEMU's object type */
    const char *memory;       /* size as QEMU reads it */
    uint32_t processors;
    const char *socket_path;  /* where Vesper listens */
    uint32_t inputs;          /* kinds served beside it, as in cli/input_option.h */
    const char *disk;         /* a disk image; NULL: none */
    char *const *extra;       /* further arguments, ends with NULL; NULL: none */
};

/* The default program: that of this computer's processor, in static storage. */
const char *qemu_default_program(void);

/* The whole command line, ended by NULL; qemu_free_arguments frees it. NULL: no memory. */
char **qemu_compose_arguments(const struct qemu_machine *machine);
void qemu_free_arguments(char **arguments);

/* The line as a shell reads it, in new memory; NULL: no memory. */
char *qemu_quote_arguments(char *const *arguments);

/* Reads "QEMU emulator version X.Y…"; 0, or -EINVAL where `text` says nothing like it. */
int qemu_parse_version(const char *text, unsigned *out_major, unsigned *out_minor);

/* Runs the program to find its version and devices, with those for `inputs` (as in qemu_machine). 0,
 * or a negative errno with a sentence that says what is missing, and which version has it, in
 * `reason`. */
int qemu_check(const char *program, uint32_t inputs, char *reason, size_t reason_size);

#endif
