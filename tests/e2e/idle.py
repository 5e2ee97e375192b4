#!/usr/bin/env python3
"""Idle costs nothing, whether clients have processes of their own or threads of the server: with one
idle client the server and its workers wake up less than 10 times a second, with a hundred they need
less than 2 % of one core, both by the kernel's own count."""

import contextlib
import os
import sys
import time

import environment
import processes
from environment import Failure
from server import Server

ISOLATIONS = ("process", "none")
WAKE_UPS_PER_SECOND = 10
CPU_SHARE = 0.02
CROWD = 100
AT_ONCE = 8
WINDOW = 3  # seconds: each worker's ALIVE timer rings at least once
WINDOWS = 5


@contextlib.contextmanager
def servers(settings, arguments):
    """One for each isolation, side by side, so that the same windows measure all."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Server(settings, arguments.host,
                                          options=["--isolation=" + isolation]))
               for isolation in ISOLATIONS]


def start_idle(settings, server, mesa, number):
    """An idle client and the path where it says that it is ready."""
    path = os.path.join(server.folder, f"idle.{number}")
    with open(path, "wb") as log:
        process = processes.start(
            [settings.program("idle"), "--seconds", "600"],
            environment.guest_environment(mesa, server.socket_path), log)
    return process, path


def is_ready(client):
    process, path = client
    with open(path, encoding="utf-8", errors="replace") as log:
        text = log.read()
    if process.poll() is not None:
        raise Failure(f"an idle client ended with status {process.returncode}: {text}")
    return "ready" in text


def start_ready(settings, server, mesas, clients):
    """Adds an idle client of each of `mesas` to `clients`, and waits for them."""
    waiting = []
    for mesa in mesas:
        waiting.append(start_idle(settings, server, mesa, len(clients)))
        clients.append(waiting[-1])
    deadline = time.monotonic() + 60 * settings.scale
    while waiting:
        waiting = [client for client in waiting if not is_ready(client)]
        if waiting and time.monotonic() > deadline:
            raise Failure(f"{len(waiting)} idle clients are not ready{server.explain()}")
        time.sleep(0.02)


def per_second(measure, started):
    """Of each server with all its workers."""
    before, begin = [measure(server.process.pid) for server in started], time.monotonic()
    time.sleep(WINDOW)
    after, seconds = [measure(server.process.pid) for server in started], time.monotonic() - begin
    return [(late - early) / seconds for early, late in zip(before, after)]


def quiet(measure, started, most):
    """The rates over one window, and over further ones where one is too high: other work on the
    machine only ever adds to it."""
    least = per_second(measure, started)
    for _ in range(WINDOWS - 1):
        if max(least) < most:
            break
        least = list(map(min, least, per_second(measure, started)))
    return least


def check_workers(server, isolation, clients):
    """A worker for each client and a spare one, or none at all."""
    wanted = clients + 1 if isolation == "process" else 0
    count = processes.settle(lambda: len(processes.children(server.process.pid)),
                             lambda now: now == wanted, 20 * server.settings.scale)
    if count != wanted:
        raise Failure(f"{isolation}: {count} workers, not {wanted}{server.explain()}")


def check(started, what, measure, most, write):
    time.sleep(1)
    for server, isolation, rate in zip(started, ISOLATIONS, quiet(measure, started, most)):
        print(f"{what}, isolation {isolation}: {write(rate)}", flush=True)
        if rate >= most:
            raise Failure(f"{what}, isolation {isolation}: {write(rate)}, not less than "
                          f"{write(most)}{server.explain()}")


def check_one(settings, started, mesa):
    clients = []
    try:
        for server, isolation in zip(started, ISOLATIONS):
            start_ready(settings, server, [mesa], clients)
            check_workers(server, isolation, 1)
        check(started, f"one idle client ({mesa})", processes.context_switches,
              WAKE_UPS_PER_SECOND, lambda rate: f"{rate:.1f} context switches a second")
    finally:
        processes.kill_all([client[0] for client in clients])


def check_crowd(settings, started, mesas):
    clients = []
    try:
        for server, isolation in zip(started, ISOLATIONS):
            for first in range(0, CROWD, AT_ONCE):
                more = range(first, min(first + AT_ONCE, CROWD))
                start_ready(settings, server, [mesas[i % len(mesas)] for i in more], clients)
            check_workers(server, isolation, CROWD)
        check(started, f"{CROWD} idle clients", processes.cpu_seconds, CPU_SHARE,
              lambda share: f"{share:.2%} of one core")
    finally:
        processes.kill_all([client[0] for client in clients])


def test(settings, arguments):
    processes.require_proc()
    mesas = environment.guest_mesas()
    with servers(settings, arguments) as started:
        for mesa in mesas:
            check_one(settings, started, mesa)
        check_crowd(settings, started, mesas)
        for server in started:
            server.check_alive()


if __name__ == "__main__":
    environment.run_test(test, environment.parser(__doc__).parse_args(sys.argv[1:]))
