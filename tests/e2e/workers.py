#!/usr/bin/env python3
"""Each guest in a process of its own: workers are killed and stopped under their guests. Only the
guest concerned notices; afterwards the server holds what it held before, and no worker is left."""

import contextlib
import os
import random
import signal
import sys
import time

import environment
import processes
from environment import Failure
from kills import steady
from server import Server

KILLED = 40
AT_ONCE = 4


def one_client(settings, env, name="compute"):
    ended = processes.run([settings.program(name)], env, 60 * settings.scale)
    if ended.status != 0:
        raise Failure(f"a client beside it {ended.describe()}")


def wait_for_worker(server, known):
    """The process that serves the guest just started: the one that was spare, so it is known; what
    is new is its replacement."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        now = processes.children(server.process.pid)
        if set(now) - set(known):
            return known
        time.sleep(0.01)
    raise Failure(f"no spare worker is started{server.explain()}")


def serving(server):
    spare = processes.children(server.process.pid)
    if len(spare) != 1:
        raise Failure(f"{len(spare)} workers where one spare is expected{server.explain()}")
    return spare


@contextlib.contextmanager
def served(settings, env, server):
    """A guest at work, and its worker."""
    spare = serving(server)
    guest = processes.start([settings.program("forever")], env)
    try:
        worker = wait_for_worker(server, spare)[0]
        time.sleep(0.3 * settings.scale)
        yield guest, worker
    finally:
        processes.kill_all([guest])


def stop_worker(settings, env, server):
    """A worker that stands still: another client goes on; when its guest goes, it is killed."""
    with served(settings, env, server) as (_, worker):
        os.kill(worker, signal.SIGSTOP)
        one_client(settings, env)
    processes.settle(lambda: processes.children(server.process.pid),
                     lambda now: worker not in now, 20 * settings.scale)
    if worker in processes.children(server.process.pid):
        raise Failure(f"a stopped worker is left{server.explain()}")


def kill_worker(settings, env, server):
    """A killed worker: its guest ends or hears of it, the reason is in the log."""
    with served(settings, env, server) as (guest, worker):
        os.kill(worker, signal.SIGKILL)
        one_client(settings, env)
        deadline = time.monotonic() + 30 * settings.scale
        while guest.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if guest.poll() is None:
            raise Failure(f"the guest of a killed worker goes on{server.explain()}")
    if "ended by signal 9" not in server.explain():
        raise Failure(f"the log does not say how the worker ended{server.explain()}")


def storm(settings, env, server, generator):
    """Guests at work whose workers are killed at random moments."""
    living = []
    started = killed = 0
    programs = [settings.program(name) for name in ("forever", "memory", "raster")]
    try:
        while killed < KILLED:
            server.check_alive()
            living = [guest for guest in living if guest.poll() is None]
            while len(living) < AT_ONCE:
                living.append(processes.start([generator.choice(programs)], env))
                started += 1
            time.sleep(generator.uniform(0.0, 0.15) * settings.scale)
            workers = processes.children(server.process.pid)
            if workers:
                try:
                    os.kill(generator.choice(workers), signal.SIGKILL)
                    killed += 1
                except ProcessLookupError:
                    pass
    finally:
        processes.kill_all(living)
    print(f"{started} guests, {killed} workers killed", flush=True)


def footprint(server):
    return processes.Footprint(server.process.pid).exact(), len(processes.children(server.process.pid))


def test(settings, arguments):
    processes.require_proc()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(10**6)
    print(f"seed {seed} (repeat with --seed {seed})", flush=True)
    generator = random.Random(seed)
    with Server(settings, arguments.host, options=["--isolation=process"]) as server:
        env = environment.guest_environment(arguments.guest, server.socket_path)
        for _ in range(4):
            one_client(settings, env)
        steady(server)
        before = footprint(server)
        print(f"before: {before}", flush=True)
        with open(f"/proc/{server.process.pid}/maps", encoding="utf-8") as maps:
            if "libvulkan" in maps.read():
                raise Failure("the server itself has loaded the driver")
        kill_worker(settings, env, server)
        processes.settle(lambda: footprint(server), lambda now: now == before, 20)
        stop_worker(settings, env, server)
        processes.settle(lambda: footprint(server), lambda now: now == before, 20)
        storm(settings, env, server, generator)
        one_client(settings, env)
        after = processes.settle(lambda: footprint(server), lambda now: now == before,
                                 30 * settings.scale)
        print(f"after:  {after}", flush=True)
        if after != before:
            raise Failure(f"{before} before, {after} after{server.explain()}")
        workers = processes.children(server.process.pid)
    left = [worker for worker in workers if os.path.exists(f"/proc/{worker}")]
    if left:
        raise Failure(f"workers are left behind the server: {left}")


if __name__ == "__main__":
    parser = environment.parser(__doc__)
    parser.add_argument("--seed", type=int, help="for the random moments")
    environment.run_test(test, parser.parse_args(sys.argv[1:]))
