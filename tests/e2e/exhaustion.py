#!/usr/bin/env python3
"""The host runs out of something while a guest works: the log says of what, the guest that asked
for it fails, the server goes on and serves the next one once there is some again."""

import os
import resource
import sys

import environment
import processes
from environment import Failure
from server import Server

# Descriptors that a guest may still cause the server to open: fewer than its mappings.
SPARE_DESCRIPTORS = 40
# Largest file, in bytes: shared memory is a file for this limit, so this is a full disk.
LARGEST_FILE = 4 << 20


def log_text(server):
    with open(server.log_path, encoding="utf-8", errors="replace") as log:
        return log.read()


def run_guest(settings, arguments, server, name, limit):
    env = environment.guest_environment(arguments.guest, server.socket_path)
    return processes.run([settings.program(name)], env, limit * settings.scale)


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def limit_all(server, kind, value_of, hard):
    """Sets the soft limit of the server and of its workers, spare ones included."""
    for pid in processes.tree(server.process.pid):
        try:
            resource.prlimit(pid, kind, (value_of(pid), hard))
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has ended meanwhile


def with_limit(settings, arguments, isolation, kind, value_of, words):
    """Runs a guest under a soft limit of the server, then a second one without it."""
    with Server(settings, arguments.host, options=["--isolation=" + isolation]) as server:
        pid = server.process.pid
        used = processes.children(pid)
        run_guest(settings, arguments, server, "compute", 60)  # the driver has loaded its files
        if isolation == "process":
            # The next worker raises its own limit when it starts: it must be there already.
            processes.settle(lambda: processes.children(pid),
                             lambda workers: len(workers) == 1 and workers != used,
                             10 * settings.scale)
        before = resource.prlimit(pid, kind)
        limit_all(server, kind, value_of, before[1])
        starved = run_guest(settings, arguments, server, "memory", 15)
        server.check_alive()
        if not starved.status:
            raise Failure(f"the guest should have failed, but {starved.describe()}"
                          f"{server.explain()}")
        lines = [line for line in log_text(server).splitlines()
                 if any(word in line for word in words)]
        if not lines:
            raise Failure(f"the log names none of {words}{server.explain()}")
        print(f"{isolation}: guest {starved.describe()}; {lines[0]}", flush=True)

        limit_all(server, kind, lambda _: before[0], before[1])
        after = run_guest(settings, arguments, server, "compute", 60)
        if after.status != 0:
            raise Failure(f"the next guest {after.describe()}{server.explain()}")


def test(settings, arguments):
    processes.require_proc()
    # On threads the server itself is what runs out.
    for isolation in ("process", "none"):
        with_limit(settings, arguments, isolation, resource.RLIMIT_NOFILE,
                   lambda pid: descriptors(pid) + SPARE_DESCRIPTORS,
                   ["Too many open files", "open files"])
        with_limit(settings, arguments, isolation, resource.RLIMIT_FSIZE, lambda pid: LARGEST_FILE,
                   ["File too large"])


if __name__ == "__main__":
    environment.run_test(test, environment.parser(__doc__).parse_args(sys.argv[1:]))
