#!/usr/bin/env python3
"""compare.py … PROGRAM…: each program runs natively on the host's driver and through the server
on Mesa's Venus driver; the result bytes must be the same, and both or neither may skip."""

import os
import sys

import environment
import processes
import results
from environment import Failure, Skip
from server import Server

LIMIT = 60

# What this guest driver never offers, whatever the host has: there, and only there, the program
# may skip remotely although it runs natively.
NOT_OFFERED_BY_GUEST = {
    # Needs version 3 of Venus's protocol; Mesa 25.0 speaks 2.
    ("stable", "host_image_copy"),
    # Mesa 25.0 hides sparse binding where no queue family is without it, as on lavapipe.
    ("stable", "sparse"),
}


class Run:
    """One run of one program and what it left."""

    def __init__(self, settings, program, env, where, folder):
        out = os.path.join(folder, f"{program}.{where}")
        command = [settings.program(program)]
        if program == "demo":
            command += [os.path.join(folder, f"{where}.png"), "--frames", "3", "--size", "320x240"]
        self.where = where
        self.ended = processes.run(command + ["--out", out], env, LIMIT * settings.scale)
        self.sections = None
        if self.ended.status == 0:
            with open(out, "rb") as file:
                self.sections = results.parse(file.read(), program)

    @property
    def skipped(self):
        return self.ended.status == environment.SKIP


def check_device(run, program):
    """A remote run must really have been remote."""
    if "Venus" not in run.ended.output.splitlines()[0]:
        raise Failure(f"{program}: not on the Venus driver: {run.ended.output.splitlines()[0]}")


def compare(settings, program, server, arguments):
    host, guest = arguments.host, arguments.guest
    env = (environment.clean_environment(environment.manifest("lvp", host))
           if arguments.plain_native else environment.host_environment(host, server.folder))
    native = Run(settings, program, env, "native", server.folder)
    if native.ended.status not in (0, environment.SKIP):
        raise Failure(f"{program}: the native run {native.ended.describe()}")
    remote = Run(settings, program, environment.guest_environment(guest, server.socket_path),
                 "remote", server.folder)
    if remote.ended.status not in (0, environment.SKIP):
        raise Failure(f"{program}: the remote run {remote.ended.describe()}")
    check_device(remote, program)
    if remote.skipped and not native.skipped and (guest, program) in NOT_OFFERED_BY_GUEST:
        return "not offered by this guest driver"
    if native.skipped != remote.skipped:
        which = native if native.skipped else remote
        raise Failure(f"{program}: only the {which.where} run {which.ended.describe()}")
    if native.skipped:
        return native.ended.output.strip().splitlines()[-1]
    difference = results.first_difference(native.sections, remote.sections)
    if difference:
        raise Failure(f"{program}: {difference}")
    if not native.sections:
        raise Failure(f"{program}: neither run wrote any result")
    size = sum(len(body) for _, body in native.sections)
    return f"{len(native.sections)} sections, {size} bytes, the same"


def test(settings, arguments):
    compared = 0
    failures = []
    with Server(settings, arguments.host, options=arguments.server_option) as server:
        for program in arguments.program:
            try:
                verdict = compare(settings, program, server, arguments)
                compared += "the same" in verdict
                server.check_alive()
            except Failure as failure:
                failures.append(str(failure))
                verdict = "FAILED"
                if server.process.poll() is not None:
                    break
            print(f"{program}: {verdict}", flush=True)
        if failures:
            raise Failure("\n".join(failures) + server.explain())
    if compared == 0:
        raise Skip("the device offers none of: " + ", ".join(arguments.program))


if __name__ == "__main__":
    parser = environment.parser(__doc__)
    parser.add_argument("--plain-native", action="store_true",
                        help="native runs know no layer that limits the server's driver")
    parser.add_argument("program", nargs="+")
    environment.run_test(test, parser.parse_args(sys.argv[1:]))
