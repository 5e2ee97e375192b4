#!/usr/bin/env python3
"""How the server starts and ends: orderly on SIGTERM, with and without clients; over a stale socket
it starts, over a live one it does not, and says why."""

import os
import signal
import socket
import subprocess
import sys
import time

import environment
import processes
import server as servers
from environment import Failure
from server import Server


def check_client(settings, arguments, server):
    ended = processes.run([settings.program("compute")],
                          environment.guest_environment(arguments.guest, server.socket_path),
                          60 * settings.scale)
    if ended.status != 0:
        raise Failure(f"a client {ended.describe()}{server.explain()}")


def expect_orderly(server, when, number=signal.SIGTERM):
    server.process.send_signal(number)
    try:
        status = server.process.wait(20 * server.settings.scale)
    except subprocess.TimeoutExpired:
        raise Failure(f"{when}: the server does not end{server.explain()}") from None
    if status != 0:
        raise Failure(f"{when}: exit status {status} instead of 0{server.explain()}")
    if os.path.lexists(server.socket_path):
        raise Failure(f"{when}: the socket is still there{server.explain()}")


def orderly_end(settings, arguments):
    with Server(settings, arguments.host) as server:
        expect_orderly(server, "SIGTERM without clients")
    with Server(settings, arguments.host) as server:
        check_client(settings, arguments, server)
        expect_orderly(server, "SIGINT after a client", signal.SIGINT)
    with Server(settings, arguments.host) as server:
        env = environment.guest_environment(arguments.guest, server.socket_path)
        clients = [processes.start([settings.program("forever")], env) for _ in range(3)]
        try:
            time.sleep(1.5 * settings.scale)
            expect_orderly(server, "SIGTERM with working clients")
        finally:
            processes.kill_all(clients)


def make_stale_socket(path):
    """A socket file whose owner has gone without removing it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stale:
        stale.bind(path)


def stale_socket(settings, arguments):
    with Server(settings, arguments.host) as first:
        path = os.path.join(first.temporary, "stale")
        make_stale_socket(path)
        with Server(settings, arguments.host, path) as second:
            check_client(settings, arguments, second)


def expect_refusal(server, when, words):
    """The server must end by itself, with a status that is not 0, and name the path."""
    try:
        server.start()
        try:
            status = server.process.wait(20 * server.settings.scale)
        except subprocess.TimeoutExpired:
            raise Failure(f"{when}: the server goes on{server.explain()}") from None
        with open(server.log_path, encoding="utf-8", errors="replace") as log:
            text = log.read()
        if status <= 0:
            raise Failure(f"{when}: exit status {status}{server.explain()}")
        if not any(word in text for word in words):
            raise Failure(f"{when}: the message names none of {words}{server.explain()}")
        print(f"{when}: status {status}, {text.strip().splitlines()[-1]}")
    finally:
        server.clean_up()


def live_socket(settings, arguments):
    with Server(settings, arguments.host) as first:
        expect_refusal(Server(settings, arguments.host, first.socket_path), "over a live socket",
                       [first.socket_path])
        first.check_alive()
        if not servers.can_connect(first.socket_path):
            raise Failure("the first server's socket has gone with the second server")
        check_client(settings, arguments, first)


def not_a_socket(settings, arguments):
    with Server(settings, arguments.host) as first:
        path = os.path.join(first.temporary, "precious")
        with open(path, "w", encoding="utf-8") as file:
            file.write("precious")
        expect_refusal(Server(settings, arguments.host, path), "over a file", [path])
        with open(path, encoding="utf-8") as file:
            if file.read() != "precious":
                raise Failure("a file in the socket's place was changed")


def test(settings, arguments):
    orderly_end(settings, arguments)
    stale_socket(settings, arguments)
    live_socket(settings, arguments)
    not_a_socket(settings, arguments)


if __name__ == "__main__":
    environment.run_test(test, environment.parser(__doc__).parse_args(sys.argv[1:]))
