#!/usr/bin/env python3
"""Sixteen clients at once, of both guest drivers where both are there: each result is the same as
that of the native run, so no client has seen anything of another."""

import os
import sys
import time

import environment
import processes
import results
from environment import Failure
from server import Server

CLIENTS = 16
PROGRAMS = ("compute", "raster", "memory", "transfer")


def read_result(path, name):
    with open(path, "rb") as file:
        return results.parse(file.read(), name)


def native_results(settings, host, folder):
    found = {}
    env = environment.host_environment(host, folder)
    for program in PROGRAMS:
        out = os.path.join(folder, program + ".native")
        ended = processes.run([settings.program(program), "--out", out], env, 60 * settings.scale)
        if ended.status != 0:
            raise Failure(f"{program}: the native run {ended.describe()}")
        found[program] = read_result(out, program)
    return found


def start_clients(settings, server):
    mesas = environment.guest_mesas()
    clients = []
    for number in range(CLIENTS):
        program = PROGRAMS[number % len(PROGRAMS)]
        mesa = mesas[number // len(PROGRAMS) % len(mesas)]
        out = os.path.join(server.folder, f"client.{number}")
        log = open(out + ".log", "wb")
        with log:
            process = processes.start([settings.program(program), "--out", out],
                                      environment.guest_environment(mesa, server.socket_path), log)
        clients.append((process, f"{number} ({program}, {mesa})", program, out))
    return clients


def wait_and_compare(clients, native, server, limit):
    deadline = time.monotonic() + limit
    for process, name, program, out in clients:
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if process.returncode != 0:
            with open(out + ".log", encoding="utf-8", errors="replace") as log:
                text = log.read()
            how = ("does not end" if process.returncode is None
                   else f"ended with status {process.returncode}")
            raise Failure(f"client {name} {how}: {text}{server.explain()}")
        difference = results.first_difference(native[program], read_result(out, program))
        if difference:
            raise Failure(f"client {name}: {difference}{server.explain()}")


def test(settings, arguments):
    with Server(settings, arguments.host) as server:
        native = native_results(settings, arguments.host, server.folder)
        clients = start_clients(settings, server)
        try:
            wait_and_compare(clients, native, server, 120 * settings.scale)
        finally:
            processes.kill_all([client[0] for client in clients])
        server.check_alive()
    print(f"{CLIENTS} clients at once, every result the same as natively")


if __name__ == "__main__":
    environment.run_test(test, environment.parser(__doc__).parse_args(sys.argv[1:]))
