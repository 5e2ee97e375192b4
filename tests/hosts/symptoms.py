#!/usr/bin/env python3
"""What goes wrong where there is no dma-buf, as a person meets it: each test provokes one of the
failures for which other renderers are known, and looks for the sentence that names its cause."""

import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
# pylint: disable=wrong-import-position
import environment  # noqa: E402
import processes  # noqa: E402
from environment import Failure  # noqa: E402
from server import Server, can_connect  # noqa: E402

LIMIT = 60
RESOURCE_CREATE_BLOB = 18
WORKER_FD = 3  # where a worker finds its channel


def expect(condition, text):
    if not condition:
        raise Failure(text)


def expect_sentence(text, sentence):
    expect(sentence in text, f"nobody says {sentence!r}, but:\n{text}")
    print(f"   {sentence}", flush=True)


def made_server(settings, arguments, options=(), **variables):
    server = Server(settings, arguments.host, options=options)
    server.env.update(variables)
    return server


def run_guest(settings, arguments, server, program="memory"):
    command = [settings.program(program), "--out", os.path.join(server.folder, "result")]
    env = environment.guest_environment(arguments.guest, server.socket_path)
    return processes.run(command, env, LIMIT * settings.scale)


def fails_with(settings, arguments, result, sentence, options=(), **variables):
    """The guest program ends with `result`, and the server's log has the sentence."""
    with made_server(settings, arguments, options, **variables) as server:
        ended = run_guest(settings, arguments, server)
        expect(ended.status not in (None, 0), f"the guest program {ended.describe()}")
        expect(result in ended.output + ended.errors, f"not {result}: {ended.describe()}")
        server.check_alive()
        expect_sentence(server.explain(), sentence)


# ---- "invalid request size (48) or fd count (1) for context op 1" ------------------------------


def names_a_wrong_size(settings, arguments):
    """Requests that run together or are cut are told apart from their neighbours by length."""
    with made_server(settings, arguments) as server:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as guest:
            guest.settimeout(LIMIT)
            guest.connect(server.socket_path)
            guest.sendall(struct.pack("<II", 5, 8) + b"test\0")  # CREATE_RENDERER counts bytes
            guest.sendall(struct.pack("<II12I", 12, RESOURCE_CREATE_BLOB, *range(12)))
            expect(guest.recv(1) == b"", "the connection goes on after a wrong size")
        server.check_alive()
        expect_sentence(server.explain(),
                        "connection closed: RESOURCE_CREATE_BLOB: length: 12 dwords is too long")


def names_a_wrong_frame(_, arguments):
    """The same between vesper and a worker: the worker says so and ends."""
    worker = os.path.join(os.path.dirname(os.path.abspath(arguments.vesper)), "vesper-worker")
    ours, its = socket.socketpair()
    with ours, its, tempfile.TemporaryFile() as log:
        # The frame promises more than any request has.
        ours.sendall(struct.pack("<II", 0x7fffffff, 1))
        ended = subprocess.run([worker, "none"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                               preexec_fn=lambda: os.dup2(its.fileno(), WORKER_FD),
                               pass_fds=[WORKER_FD], timeout=LIMIT, check=False)
        log.seek(0)
        text = log.read().decode(errors="replace")
    expect(ended.returncode == 1, f"the worker ends with {ended.returncode}: {text}")
    expect_sentence(text, "vesper broke the protocol or its channel: ")


# ---- "Bad file descriptor" at the start --------------------------------------------------------


def starts_with_nothing_open(settings, arguments):
    """A parent that closed the standard streams: what is opened next gets their numbers."""
    server = made_server(settings, arguments)

    def close_all():
        os.closerange(0, 3)

    try:
        # pylint: disable-next=subprocess-popen-preexec-fn
        server.process = subprocess.Popen(server.command(), env=server.env, preexec_fn=close_all)
        deadline = time.monotonic() + 20 * settings.scale
        while not can_connect(server.socket_path) and time.monotonic() < deadline:
            expect(server.process.poll() is None,
                   f"it ends with status {server.process.returncode}")
            time.sleep(0.02)
        ended = run_guest(settings, arguments, server)
        expect(ended.status == 0, f"the guest program {ended.describe()}")
        expect(server.terminate() == 0, f"it ends with {server.process.returncode}")
    finally:
        server.clean_up()


def says_that_descriptors_are_few(settings, arguments):
    for isolation, sentence in (("process", "vesper-worker cannot be started: Too many open files"),
                                ("none", "cannot listen: Too many open files")):
        server = made_server(settings, arguments)
        try:
            # A cache of its own would take one, too, and go without.
            ended = processes.run(["prlimit", "--nofile=5:5", settings.server_command[0], "vtest",
                                   "--isolation=" + isolation, "--shader-cache=none", "--socket",
                                   server.socket_path], server.env, LIMIT)
            expect(ended.status not in (None, 0), f"the server {ended.describe()}")
            expect_sentence(ended.output + ended.errors, sentence)
        finally:
            server.clean_up()


def names_a_worker_that_does_not_start(settings, arguments):
    """A process for contexts that gets no channel: no context can be had, and the start says so."""
    for program, sentence in (("/nonexistent/vesper-worker", "No such file or directory"),
                              ("/bin/true", "ended")):
        server = made_server(settings, arguments,
                             ["--isolation=process", "--worker=" + program])
        try:
            server.start()
            status = server.process.wait(LIMIT * settings.scale)
            expect(status == 1, f"the server ends with {status}{server.explain()}")
            expect_sentence(server.explain(), sentence)
        finally:
            server.clean_up()


# ---- drivers and their memory ------------------------------------------------------------------


def names_a_missing_driver(settings, arguments):
    """drivers.py has the other causes."""
    fails_with(settings, arguments, "VK_ERROR_INCOMPATIBLE_DRIVER",
               "the host has no usable Vulkan driver (VK_ERROR_INCOMPATIBLE_DRIVER): no driver "
               "manifest was found in VK_DRIVER_FILES, which has /nonexistent/driver.json",
               VK_DRIVER_FILES="/nonexistent/driver.json")


def finds_a_portability_driver(settings, arguments):
    """Which is hidden from whoever does not ask for such drivers."""
    with made_server(settings, arguments) as server:
        expect("portability-" in server.env["VK_DRIVER_FILES"], "the driver is an ordinary one")
        ended = run_guest(settings, arguments, server)
        expect(ended.status == 0, f"the guest program {ended.describe()}")


def names_memory_that_cannot_be_shared(settings, arguments):
    fails_with(settings, arguments, "VK_ERROR_INITIALIZATION_FAILED",
               "its driver has neither VK_EXT_external_memory_host nor "
               "VK_EXT_external_memory_dma_buf, so that none of its memory can be shared",
               VESPER_HOST_HIDE="VK_EXT_external_memory_host")
    doctor_says_it(settings, arguments)


def doctor_says_it(settings, arguments):
    """What is left of the ways to share memory, why not the others, and what to do."""
    server = made_server(settings, arguments, VESPER_HOST_HIDE="VK_EXT_external_memory_host")
    try:
        ended = processes.run([settings.server_command[0], "doctor", "--json"], server.env, LIMIT)
    finally:
        server.clean_up()
    sheet = json.loads(ended.output[ended.output.find("{"):])
    device = sheet["Vulkan"]["devices"][0]
    expect(ended.status == 1 and not sheet["a guest can be served"] and
           not device["a guest can use it"], f"the doctor {ended.describe()}")
    expect(device["memory strategy"] is None, f"{device['memory strategy']} is left")
    expect_sentence(device["not host-import, because"],
                    "the driver has no VK_EXT_external_memory_host")
    expect_sentence(device["not dma-buf, because"], "the driver has no "
                    "VK_EXT_external_memory_dma_buf with VK_KHR_external_memory_fd")
    expect_sentence(device["why not"], "none of its memory can be shared")
    expect_sentence(device["frames come to windows"], "through a staging copy")
    expect_sentence(sheet["what to do"], "update the driver")


def names_a_failed_import(settings, arguments):
    """The guest program's vkMapMemory fails because an allocation did, some time before."""
    # The first two ask which types of memory take imports.
    fails_with(settings, arguments, "VK_ERROR_MEMORY_MAP_FAILED",
               "the host's import into type 1 failed with -2",
               VESPER_HOST_FAIL="vkAllocateMemory:3:-2")


def names_a_full_heap(settings, arguments):
    fails_with(settings, arguments, "VK_ERROR_MEMORY_MAP_FAILED",
               "(--max-memory-bytes)", options=["--max-memory-bytes=64K"])


# ---- "blob scanout requires a dma-buf" ---------------------------------------------------------


def says_why_there_are_no_dma_bufs(settings, arguments):
    """Nothing fails: displays and swapchains are copied. The log says what keeps them from more."""
    with made_server(settings, arguments, options=["--emulate-dma-bufs"]) as server:
        ended = run_guest(settings, arguments, server)
        expect(ended.status == 0, f"the guest program {ended.describe()}")
        expect_sentence(server.explain(), "gives guests no dma-bufs, pictures for displays are "
                        "copied: its driver binds no LINEAR images to imported host pointers")


TESTS = (names_a_wrong_size, names_a_wrong_frame, starts_with_nothing_open,
         says_that_descriptors_are_few, names_a_worker_that_does_not_start, names_a_missing_driver, finds_a_portability_driver, names_memory_that_cannot_be_shared,
         names_a_failed_import, names_a_full_heap, says_why_there_are_no_dma_bufs)


def test(settings, arguments):
    failures = []
    for each in TESTS:
        print(f"-- {each.__name__.replace('_', ' ')}", flush=True)
        try:
            each(settings, arguments)
        except Failure as failure:
            failures.append(f"{each.__name__}: {failure}")
    if failures:
        raise Failure("\n".join(failures))


if __name__ == "__main__":
    environment.run_test(test, environment.parser(__doc__).parse_args(sys.argv[1:]))
