#!/usr/bin/env python3
"""Idle costs nothing: with one idle client the server wakes up less than 10 times a second, with a
hundred it needs less than 2 % of one core, both by the kernel's own count."""

import os
import sys
import time

import environment
import processes
from environment import Failure
from server import Server

WAKE_UPS_PER_SECOND = 10
CPU_SHARE = 0.02
CROWD = 100
AT_ONCE = 8
WINDOW = 5
WINDOWS = 5


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


def wait_ready(clients, server, limit):
    waiting = list(clients)
    deadline = time.monotonic() + limit
    while waiting:
        waiting = [client for client in waiting if not is_ready(client)]
        if waiting and time.monotonic() > deadline:
            raise Failure(f"{len(waiting)} idle clients are not ready{server.explain()}")
        time.sleep(0.02)


def per_second(measure, pid):
    start, begin = measure(pid), time.monotonic()
    time.sleep(WINDOW)
    return (measure(pid) - start) / (time.monotonic() - begin)


def quiet(measure, pid, most):
    """The rate over one window, and over further ones if it is too high: other work on the machine
    only ever adds to it."""
    for _ in range(WINDOWS):
        rate = per_second(measure, pid)
        if rate < most:
            break
    return rate


def check_one(settings, server, mesa):
    client = start_idle(settings, server, mesa, mesa)
    try:
        wait_ready([client], server, 60 * settings.scale)
        time.sleep(1)
        rate = quiet(processes.context_switches, server.process.pid, WAKE_UPS_PER_SECOND)
    finally:
        processes.kill_all([client[0]])
    print(f"one idle client ({mesa}): {rate:.1f} context switches a second", flush=True)
    if rate >= WAKE_UPS_PER_SECOND:
        raise Failure(f"one idle client ({mesa}) costs {rate:.1f} context switches a second, "
                      f"not less than {WAKE_UPS_PER_SECOND}{server.explain()}")


def check_crowd(settings, server, mesas):
    clients = []
    try:
        while len(clients) < CROWD:
            more = [start_idle(settings, server, mesas[i % len(mesas)], len(clients) + i)
                    for i in range(min(AT_ONCE, CROWD - len(clients)))]
            clients += more
            wait_ready(more, server, 60 * settings.scale)
        time.sleep(1)
        share = quiet(processes.cpu_seconds, server.process.pid, CPU_SHARE)
    finally:
        processes.kill_all([client[0] for client in clients])
    print(f"{CROWD} idle clients: {share:.2%} of one core", flush=True)
    if share >= CPU_SHARE:
        raise Failure(f"{CROWD} idle clients cost {share:.2%} of one core, not less than "
                      f"{CPU_SHARE:.0%}{server.explain()}")


def test(settings, arguments):
    processes.require_proc()
    mesas = environment.guest_mesas()
    with Server(settings, arguments.host) as server:
        for mesa in mesas:
            check_one(settings, server, mesa)
        check_crowd(settings, server, mesas)
        server.check_alive()


if __name__ == "__main__":
    environment.run_test(test, environment.parser(__doc__).parse_args(sys.argv[1:]))
