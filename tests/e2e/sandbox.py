#!/usr/bin/env python3
"""What a driver that a guest has taken over can do in a worker: a layer (intruder.c) tries. In every
sandbox files, sockets, processes and signals are out of its reach, while the guest's program goes on
to work; some attempts end the worker, and the log says so. Without a sandbox the same attempts
succeed, which shows that the layer really makes them."""

import json
import os
import pathlib
import subprocess
import sys

import environment
import processes
from environment import Failure, Skip
from server import Server

# What fails, with the errors that say so: by the list of system calls or by the list of files.
DENIED = {
    "read-file": "EACCES",
    "read-passwd": "EACCES",
    "write-file": "EACCES EPERM",
    "truncate-file": "EPERM",
    "make-file": "EPERM",
    "make-nameless-file": "EPERM",
    "make-folder": "EPERM",
    "change-mode": "EPERM",
    "read-vesper": "EACCES",
    "write-through-proc": "EACCES EPERM",
    "socket-inet": "EPERM",
    "socket-datagram": "EPERM",
    "socket-unix": "EPERM",
    "socket-netlink": "EPERM",
    "connect": "EPERM",
    "fork": "EPERM",
    "signal-vesper": "EPERM",
    "signal-group": "EPERM",
    "slow-vesper": "EPERM",
    "type-into-terminal": "EPERM",
    "dump-core": "EPERM",
    "signal-by-descriptor": "EPERM",
    "remove-file": "EPERM",
    "write-readable": "EACCES EPERM",
    "truncate-readable": "EPERM",
    "remove-readable": "EPERM",
    "truncate-by-opening": "EPERM",
    "move-into-cache": "EPERM",
    "link-into-cache": "EPERM",
    "symlink-in-cache": "EPERM",
    "fifo-in-cache": "EPERM",
    "nameless-in-cache": "EPERM",
    "set-user-id-in-cache": "EPERM",
    "set-group-id-in-cache": "EPERM",
    "move-cache": "EPERM",
    "open-other-cache": "EACCES",
    "read-other-cache": "EACCES",
    "make-in-other-cache": "EPERM",
}

# These need a file in the cache to begin with.
WITH_FILES = {
    "use-cache": "done",
    "move-out-of-cache": "EACCES",
    "move-to-other-cache": "EACCES",
    "exchange-with-cache": "EPERM",
    "leave-whiteout": "EPERM",
    "link-in-cache": "EPERM",
    "change-mode-in-cache": "EPERM",
}

# With a cache the list of system calls leaves these to the list of files.
DENIED_BESIDE_CACHE = DENIED | WITH_FILES | {
    "make-file": "EACCES",
    "make-folder": "EACCES",
    "remove-file": "EACCES",
    "write-readable": "EACCES",
    "truncate-readable": "EACCES",
    "remove-readable": "EACCES",
    "truncate-by-opening": "EACCES",
    "move-into-cache": "EACCES",
    "move-cache": "EACCES",
    "make-in-other-cache": "EACCES",
}

# Without one nothing can be made where it would be.
DENIED |= {name: "EPERM" for name in WITH_FILES}

# What Landlock denies: on a kernel without it a file can be read.
BY_LANDLOCK = ("read-file", "read-passwd", "read-vesper", "open-other-cache", "read-other-cache")

# What succeeds without a sandbox, whatever the user and the system: the rest depends on both.
DONE_WITHOUT = ("read-file", "read-passwd", "write-file", "truncate-file", "make-file",
                "make-folder", "change-mode", "socket-inet", "socket-datagram", "socket-unix",
                "connect", "fork", "signal-vesper", "slow-vesper", "type-into-terminal",
                "signal-by-descriptor", "remove-file", "write-readable", "truncate-readable",
                "remove-readable", "truncate-by-opening", "move-into-cache", "link-into-cache",
                "symlink-in-cache", "fifo-in-cache", "set-user-id-in-cache",
                "set-group-id-in-cache", "move-cache", "open-other-cache", "read-other-cache",
                "make-in-other-cache", *(set(WITH_FILES) - {"leave-whiteout"}))

DEADLY = ("exec", "exec-descriptor", "trace-vesper", "read-memory-of-vesper", "mount",
          "leave-namespace")
PRECIOUS = "precious"
SENTENCE = "the sandbox ended it, because it made a system call that no driver needs"


def has_sandbox(vesper):
    """Whether this build and kernel have one, and whether files are limited, from the doctor."""
    done = subprocess.run([vesper, "doctor", "--json"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          timeout=60, check=False)
    level, text = json.loads(done.stdout)["system"]["sandbox of workers"].split(": ", 1)
    if level == "none":
        raise Skip("there is no sandbox: " + text)
    return "limited by Landlock" in text


def told_by(log):
    """How each attempt ended."""
    lines = [line.removeprefix("intruder: ") for line in log.splitlines()
             if line.startswith("intruder: ")]
    return dict(line.split(": ") for line in lines)


def write(path, text):
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def made_server(settings, arguments, sandbox, attempts, *options):
    server = Server(settings, arguments.host,
                    options=["--isolation=process", "--sandbox=" + sandbox, *options])
    server.env["VK_ADD_LAYER_PATH"] = arguments.layer
    server.env["VK_INSTANCE_LAYERS"] = "VK_LAYER_VESPER_intruder"
    server.env["VESPER_INTRUDER"] = " " + " ".join(attempts) + " "
    folder = pathlib.Path(server.folder)
    server.env["VESPER_INTRUDER_FILE"] = write(folder / "precious", PRECIOUS)
    for suffix in (".into", ".exchanged"):
        write(folder / ("precious" + suffix), PRECIOUS)
    # Where the loader looks for manifests, workers may read.
    server.env["XDG_DATA_HOME"] = str(folder / "data")
    server.env["VESPER_INTRUDER_READABLE"] = write(folder / "data" / "vulkan" / "text", PRECIOUS)
    # What a session of this name would have left.
    entry = write(folder / "cache" / "vesper" / "name-other" / "entry", PRECIOUS)
    os.chmod(folder / "cache" / "vesper", 0o700)
    server.env["VESPER_INTRUDER_OTHER"] = os.path.dirname(entry)
    return server


def precious_files(server):
    folder = pathlib.Path(server.folder)
    return (*(folder / ("precious" + suffix) for suffix in ("", ".into", ".exchanged")),
            folder / "data" / "vulkan" / "text",
            folder / "cache" / "vesper" / "name-other" / "entry")


def intrude(settings, arguments, sandbox, *options):
    """How the guest's program ended, how each attempt did, the log, and the files that changed."""
    with made_server(settings, arguments, sandbox, DENIED, *options) as server:
        env = environment.guest_environment(arguments.guest, server.socket_path)
        ended = processes.run([settings.program("compute")], env, 60 * settings.scale)
        server.check_alive()
        log = server.explain()
        changed = [str(path) for path in precious_files(server)
                   if not path.exists() or path.read_text(encoding="utf-8") != PRECIOUS]
        return ended, told_by(log), log, changed


def check_denied(settings, arguments, sandbox, limits_files, *options):
    ended, told, log, changed = intrude(settings, arguments, sandbox, *options)
    denied = DENIED if options or not limits_files else DENIED_BESIDE_CACHE
    for name, wanted in denied.items():
        if name in BY_LANDLOCK and not limits_files:
            print(f"   {name}: not looked at, this kernel has no Landlock")
        elif told.get(name) not in wanted.split():
            raise Failure(f"{sandbox}: {name} ended with {told.get(name)} instead of {wanted}{log}")
    if ended.status != 0:
        raise Failure(f"{sandbox}: the guest's program {ended.describe()}{log}")
    if changed:
        raise Failure(f"{sandbox}: {changed} changed{log}")
    count = len([name for name, result in told.items() if result != "done"])
    print(f"{sandbox} {' '.join(options)}: {count} attempts denied, and the guest's program held",
          flush=True)


def check_deadly(settings, arguments, sandbox):
    for name in DEADLY:
        with made_server(settings, arguments, sandbox, [name]) as server:
            env = environment.guest_environment(arguments.guest, server.socket_path)
            guest = processes.start([settings.program("forever")], env)
            try:
                log = processes.settle(server.explain, lambda log: SENTENCE in log or told_by(log),
                                       30 * settings.scale)
            finally:
                processes.kill_all([guest])
            server.check_alive()
        if name in told_by(log) or SENTENCE not in log:
            raise Failure(f"{sandbox}: {name} ended with {told_by(log).get(name)}{log}")
    print(f"{sandbox}: {len(DEADLY)} attempts ended the worker, which the log says", flush=True)


def check_without(settings, arguments):
    _, told, log, _ = intrude(settings, arguments, "none")
    for name in DONE_WITHOUT:
        if told.get(name) != "done":
            raise Failure(f"without a sandbox {name} ended with {told.get(name)}{log}")
    print(f"none: {len(DONE_WITHOUT)} attempts succeeded", flush=True)


def expect_refusal(settings, arguments, options, words):
    server = Server(settings, arguments.host, options=options)
    try:
        server.start()
        status = server.process.wait(20 * settings.scale)
        if status == 0 or words not in server.explain():
            raise Failure(f"{options}: status {status}, no word of '{words}'{server.explain()}")
    finally:
        server.clean_up()


def test(settings, arguments):
    limits_files = has_sandbox(arguments.vesper)
    check_without(settings, arguments)
    for sandbox in ("driver", "strict") if limits_files else ("driver",):
        check_denied(settings, arguments, sandbox, limits_files)
        check_denied(settings, arguments, sandbox, limits_files, "--shader-cache=none")
    check_deadly(settings, arguments, "driver")
    expect_refusal(settings, arguments, ["--isolation=none", "--sandbox=strict"],
                   "needs --isolation=process")
    expect_refusal(settings, arguments, ["--isolation=process", "--sandbox=loose"],
                   "none of driver, strict, none")


if __name__ == "__main__":
    parser = environment.parser(__doc__)
    parser.add_argument("--layer", required=True, help="folder of the intruder's manifest")
    environment.run_test(test, parser.parse_args(sys.argv[1:]))
