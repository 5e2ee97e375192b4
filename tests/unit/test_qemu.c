/* The QEMU command line of `vesper run`, and what is asked of a QEMU first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/input_option.h"
#include "cli/process.h"
#include "cli/qemu.h"

static struct qemu_machine typical_machine(void) {
    return (struct qemu_machine){
        .program = "qemu-system-x86_64",
        .accelerator = "tcg",
        .memory_backend = "memory-backend-memfd",
        .memory = "2G",
        .processors = 2,
        .socket_path = "/run/gpu",
    };
}

static bool has_pair(char **arguments, const char *name, const char *value) {
    for (; arguments[0] && arguments[1]; arguments++) {
        if (strcmp(arguments[0], name) == 0 && strcmp(arguments[1], value) == 0) {
            return true;
        }
    }
    return false;
}

static void test_what_the_device_needs(void **state) {
    (void)state;
    struct qemu_machine machine = typical_machine();
    char **line = qemu_compose_arguments(&machine);
    assert_non_null(line);
    assert_string_equal(line[0], "qemu-system-x86_64");
    assert_true(has_pair(line, "-machine", "q35,memory-backend=mem"));
    assert_true(has_pair(line, "-object", "memory-backend-memfd,id=mem,size=2G,share=on"));
    assert_true(has_pair(line, "-m", "2G"));
    assert_true(has_pair(line, "-accel", "tcg,thread=multi"));
    assert_true(has_pair(line, "-cpu", "max"));
    assert_true(has_pair(line, "-device", "pcie-root-port,id=vesper-port"));
    assert_true(has_pair(line, "-chardev", "socket,id=vesper,path=/run/gpu"));
    assert_true(has_pair(line, "-device",
                         "vhost-user-test-device-pci,id=vesper-gpu,bus=vesper-port,"
                         "chardev=vesper,virtio-id=16,num_vqs=2,vq_size=256,config_size=20"));
    assert_true(has_pair(line, "-display", "none"));
    for (char **argument = line; *argument; argument++) {
        assert_string_not_equal(*argument, "-drive");
    }
    qemu_free_arguments(line);
}

static void test_a_mac(void **state) {
    (void)state;
    struct qemu_machine machine = typical_machine();
    machine.program = "/opt/homebrew/bin/qemu-system-aarch64";
    machine.accelerator = "hvf";
    machine.memory_backend = "memory-backend-shm";
    char **line = qemu_compose_arguments(&machine);
    assert_true(has_pair(line, "-machine", "virt,memory-backend=mem"));
    assert_true(has_pair(line, "-accel", "hvf"));
    assert_true(has_pair(line, "-cpu", "host"));
    assert_true(has_pair(line, "-object", "memory-backend-shm,id=mem,size=2G,share=on"));
    assert_true(has_pair(line, "-bios", "edk2-aarch64-code.fd"));
    qemu_free_arguments(line);
}

static void test_commas_and_extra_arguments(void **state) {
    (void)state;
    char *extra[] = {"-nic", "none", NULL};
    struct qemu_machine machine = typical_machine();
    machine.socket_path = "/run/a,b";
    machine.disk = "my,disk.qcow2";
    machine.extra = extra;
    char **line = qemu_compose_arguments(&machine);
    assert_true(has_pair(line, "-chardev", "socket,id=vesper,path=/run/a,,b"));
    assert_true(has_pair(line, "-drive", "if=virtio,file=my,,disk.qcow2"));
    size_t count = 0;
    while (line[count]) {
        count++;
    }
    assert_string_equal(line[count - 2], "-nic");
    assert_string_equal(line[count - 1], "none");
    qemu_free_arguments(line);
}

static bool contains(char **arguments, const char *word) {
    while (*arguments && !strstr(*arguments, word)) {
        arguments++;
    }
    return *arguments;
}

static void test_input_devices(void **state) {
    (void)state;
    struct qemu_machine machine = typical_machine();
    char **line = qemu_compose_arguments(&machine);
    assert_false(contains(line, "vhost-user-input"));
    assert_true(has_pair(line, "-device", "virtio-keyboard-pci"));
    qemu_free_arguments(line);
    assert_true(cli_input_parse("touch,keyboard", &machine.inputs));
    machine.socket_path = "/run/a,b";
    line = qemu_compose_arguments(&machine);
    assert_true(has_pair(line, "-chardev", "socket,id=vesper-keyboard,path=/run/a,,b.keyboard"));
    assert_true(has_pair(line, "-device",
                         "vhost-user-input-pci,id=vesper-keyboard-device,chardev=vesper-keyboard"));
    assert_true(has_pair(line, "-chardev", "socket,id=vesper-touch,path=/run/a,,b.touch"));
    assert_false(contains(line, "mouse"));
    assert_false(contains(line, "tablet"));
    assert_false(contains(line, "virtio-keyboard-pci"));
    qemu_free_arguments(line);
}

static void test_input_option(void **state) {
    (void)state;
    uint32_t kinds = 1;
    assert_true(cli_input_parse("none", &kinds));
    assert_int_equal(kinds, 0);
    assert_true(cli_input_parse("keyboard", &kinds));
    assert_int_equal(kinds, CLI_INPUT_BIT(INPUT_KEYBOARD));
    assert_true(cli_input_parse("mouse,tablet,mouse", &kinds));
    assert_int_equal(kinds, CLI_INPUT_BIT(INPUT_MOUSE) | CLI_INPUT_BIT(INPUT_TABLET));
    static const char *const wrong[] = {"",          ",",    "keyboard,",      ",mouse",    "key",
                                        "keyboards", "auto", "keyboard mouse", "none,mouse"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(cli_input_parse(wrong[i], &kinds));
    }
    char path[16];
    assert_true(cli_input_path("/gpu", INPUT_MOUSE, path, sizeof(path)));
    assert_string_equal(path, "/gpu.mouse");
    assert_false(cli_input_path("/gpu", INPUT_KEYBOARD, path, 13));
    assert_true(cli_input_path("/gpu", INPUT_KEYBOARD, path, 14));
}

static void test_quoting(void **state) {
    (void)state;
    char *arguments[] = {"qemu", "a b", "it's", "", "$x", "plain,path=/a-b_c.d:1@2%3", NULL};
    char *line = qemu_quote_arguments(arguments);
    assert_string_equal(line, "qemu 'a b' 'it'\\''s' '' '$x' plain,path=/a-b_c.d:1@2%3");
    free(line);
}

static void test_version(void **state) {
    (void)state;
    unsigned major, minor;
    assert_int_equal(qemu_parse_version("QEMU emulator version 11.1.3 (Debian 1:11.1)\nCopyright",
                                        &major, &minor),
                     0);
    assert_int_equal(major, 11);
    assert_int_equal(minor, 1);
    assert_int_equal(qemu_parse_version("hello", &major, &minor), -EINVAL);
    assert_int_equal(qemu_parse_version("version x", &major, &minor), -EINVAL);
}

/* ---- programs that act as QEMU ---------------------------------------------------------- */

static char program[64];

static void write_program(const char *text) {
    snprintf(program, sizeof(program), "/tmp/vesper-test-qemu-%d", (int)getpid());
    FILE *file = fopen(program, "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", text);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(program, 0755), 0);
}

static uint32_t checked_inputs;

static int check(const char *text, char *reason, size_t size) {
    write_program(text);
    int error = qemu_check(program, checked_inputs, reason, size);
    unlink(program);
    return error;
}

static void test_check(void **state) {
    (void)state;
    char reason[256] = "";
    assert_int_equal(check("case $1 in --version) echo 'QEMU emulator version 11.1.0';;\n"
                           "*) echo 'name \"vhost-user-test-device-pci\", bus PCI';; esac",
                           reason, sizeof(reason)),
                     0);
    assert_int_equal(check("echo 'QEMU emulator version 11.0.9'", reason, sizeof(reason)),
                     -ENOTSUP);
    assert_non_null(strstr(reason, "is QEMU 11.0; Vesper needs 11.1 or later"));
    assert_int_equal(check("echo 'QEMU emulator version 12.0.0'", reason, sizeof(reason)),
                     -ENOTSUP);
    assert_non_null(strstr(reason, "has no device vhost-user-test-device-pci"));
    static const char gpu_only[] = "case $1 in --version) echo 'QEMU emulator version 11.1.0';;\n"
                                   "*) echo 'name \"vhost-user-test-device-pci\"';; esac";
    assert_int_equal(check(gpu_only, reason, sizeof(reason)), 0);
    checked_inputs = CLI_INPUT_BIT(INPUT_MOUSE);
    assert_int_equal(check(gpu_only, reason, sizeof(reason)), -ENOTSUP);
    assert_non_null(strstr(reason, "has no device vhost-user-input-pci; --input=none"));
    checked_inputs = 0;
    assert_int_equal(check("echo hello", reason, sizeof(reason)), -EINVAL);
    assert_non_null(strstr(reason, "does not say its version"));
    assert_int_equal(check("exit 3", reason, sizeof(reason)), -EIO);
    assert_int_equal(qemu_check("/nowhere/qemu", 0, reason, sizeof(reason)), -ENOENT);
    assert_non_null(strstr(reason, "/nowhere/qemu cannot be run: No such file or directory "
                                   "(QEMU 11.1 or later is needed)"));
}

static void test_capture_is_bounded(void **state) {
    (void)state;
    char output[16];
    const char *const arguments[] = {"sh", "-c",
                                     "i=0; while [ $i -lt 20000 ]; do echo 0123456789; "
                                     "i=$((i + 1)); done",
                                     NULL};
    assert_int_equal(process_capture(arguments, output, sizeof(output)), 0);
    assert_string_equal(output, "0123456789\n0123");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_device_needs),
        cmocka_unit_test(test_a_mac),
        cmocka_unit_test(test_commas_and_extra_arguments),
        cmocka_unit_test(test_input_devices),
        cmocka_unit_test(test_input_option),
        cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_capture_is_bounded),
    };
    return cmocka_run_group_tests_name("qemu", tests, NULL, NULL) ? 1 : 0;
}
