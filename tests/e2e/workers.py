#!/usr/bin/env python3
"""Each guest in a process of its own: workers are killed and stopped under their guests. Only the
guest concerned notices; afterwards the server holds what it held before, and no worker is left."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
import types

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))
# pylint: disable=wrong-import-position
import environment  # noqa: E402
import processes  # noqa: E402
import vtest_peer  # noqa: E402
from environment import Failure  # noqa: E402
from kills import shared_files, steady  # noqa: E402
from server import Server  # noqa: E402

CONTEXTS = 1000  # of every five the worker of one is killed
PROGRAM_EVERY = 8  # is a program on Mesa
AT_ONCE = 4

# The allocator's arenas come and go; a leak would be one for each context.
PRIVATE_MAPPINGS = CONTEXTS // 20


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


def serves(worker):
    """A spare worker does not know the page of its fences yet."""
    try:
        with open(f"/proc/{worker}/maps", encoding="utf-8", errors="replace") as maps:
            return "vesper-fences" in maps.read()
    except OSError:
        return False  # it has ended


class Storm:
    """CONTEXTS contexts come and go on a few threads, most of them clients that speak the protocol
    themselves, some of them programs on Mesa, while workers that serve are killed."""

    def __init__(self, settings, env, server, generator):
        self.env = env
        self.server = server
        self.programs = [settings.program(name) for name in ("forever", "memory", "raster")]
        self.scale = settings.scale
        self.mutex = threading.Lock()
        self.left = CONTEXTS // (4 if settings.sanitized else 1)
        self.wanted_kills = self.left // 5
        self.generator = generator
        self.held = self.cut = self.guests = self.killed = 0
        self.faults = []

    def take(self):
        """What the next context is and how long it may live; None where there were enough."""
        with self.mutex:
            if self.left == 0:
                return None
            self.left -= 1
            is_program = self.left % PROGRAM_EVERY == 0
            seconds = self.generator.uniform(0.0, 0.8 if is_program else 0.02) * self.scale
            return self.generator.choice(self.programs) if is_program else None, seconds

    def run_program(self, path, seconds):
        process = processes.start([path], self.env)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            processes.kill_all([process])
        with self.mutex:
            self.guests += 1

    def run_client(self, seconds):
        """Memory, a fence that the worker retires, and some more memory."""
        try:
            guest = vtest_peer.Guest(types.SimpleNamespace(path=self.server.socket_path))
            try:
                _, memory = guest.create_memory()
                sync = guest.create_sync()
                guest.send(vtest_peer.submit([], [(sync, 1)]))
                waiting = guest.wait_syncs([(sync, 1)])
                is_retired = vtest_peer.becomes_readable(waiting)
                os.close(waiting)
                time.sleep(seconds)
                guest.create_memory()[1].close()
                memory.close()
            finally:
                guest.close()
        except (OSError, EOFError, AssertionError):
            is_retired = None  # its worker was killed
        with self.mutex:
            self.held += is_retired is True
            self.cut += is_retired is None
            if is_retired is False:
                self.faults.append("a fence does not retire")

    def make_contexts(self):
        while (task := self.take()) is not None:
            program, seconds = task
            if program:
                self.run_program(program, seconds)
            else:
                self.run_client(seconds)

    def kill_one(self):
        workers = [pid for pid in processes.children(self.server.process.pid) if serves(pid)]
        if workers:
            try:
                os.kill(self.generator.choice(workers), signal.SIGKILL)
                self.killed += 1
            except ProcessLookupError:
                pass

    def run(self):
        total = self.left
        threads = [threading.Thread(target=self.make_contexts) for _ in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            # As many of the kills as of the contexts.
            with self.mutex:
                done = total - self.left
            if self.killed < min(done // 5, self.wanted_kills):
                self.kill_one()
            time.sleep(self.generator.uniform(0.0, 0.01))
        for thread in threads:
            thread.join()
        self.server.check_alive()
        print(f"{total} contexts ({self.guests} on Mesa), {self.killed} workers killed; of the other "
              f"clients {self.held} got what they asked for and {self.cut} were cut off", flush=True)
        if self.killed < self.wanted_kills * 9 // 10:
            raise Failure(f"only {self.killed} of {self.wanted_kills} workers could be killed")
        if self.cut > self.killed or self.faults or self.held < total // 2:
            raise Failure(f"{self.cut} cut off where {self.killed} were killed, {self.held} held "
                          f"{self.faults}{self.server.explain()}")


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
        files = shared_files()
        before = footprint(server)
        private = processes.Footprint(server.process.pid).private_mappings
        print(f"before: {before}", flush=True)
        with open(f"/proc/{server.process.pid}/maps", encoding="utf-8") as maps:
            if "libvulkan" in maps.read():
                raise Failure("the server itself has loaded the driver")
        kill_worker(settings, env, server)
        processes.settle(lambda: footprint(server), lambda now: now == before, 20)
        stop_worker(settings, env, server)
        processes.settle(lambda: footprint(server), lambda now: now == before, 20)
        Storm(settings, env, server, generator).run()
        one_client(settings, env)
        after = processes.settle(lambda: footprint(server), lambda now: now == before,
                                 30 * settings.scale)
        print(f"after:  {after}", flush=True)
        if after != before:
            raise Failure(f"{before} before, {after} after{server.explain()}")
        grown = processes.Footprint(server.process.pid).private_mappings - private
        if grown > PRIVATE_MAPPINGS:
            raise Failure(f"{grown} private mappings more than before{server.explain()}")
        left = sorted(shared_files() - files) + os.listdir(server.temporary)
        if left:
            raise Failure(f"files are left: {left}{server.explain()}")
        workers = processes.children(server.process.pid)
    left = [worker for worker in workers if os.path.exists(f"/proc/{worker}")]
    if left:
        raise Failure(f"workers are left behind the server: {left}")


if __name__ == "__main__":
    parser = environment.parser(__doc__)
    parser.add_argument("--seed", type=int, help="for the random moments")
    environment.run_test(test, parser.parse_args(sys.argv[1:]))
