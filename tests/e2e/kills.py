#!/usr/bin/env python3
"""Guest processes are started and killed at random moments; afterwards the server holds what it
held before (processes, descriptors, threads, shared mappings, files) and serves a new client."""

import os
import random
import sys
import time

import environment
import processes
from environment import Failure
from server import Server

KILLED = 200
AT_ONCE = 8

# Before the count: the driver below the server loads and keeps what it loads only once.
WARM_UP = 24

# Less than a quarter of a mapping per killed client: the allocator's arenas, not a leak.
PRIVATE_MAPPINGS = KILLED // 4

# What the allocator keeps of freed memory swings by tens of MiB, so this only catches the leak of
# half a MiB per client; a sanitized server finds the small ones when it ends.
RESIDENT_KIB = KILLED * 512


def storm(settings, env, count, generator):
    """Starts `count` guests, up to AT_ONCE at a time, each killed after its random time to live."""
    living = []
    started = 0
    programs = [settings.program(name) for name in ("forever", "memory", "raster", "threads")]
    try:
        while started < count or living:
            now = time.monotonic()
            for entry in [entry for entry in living if entry[1] <= now]:
                processes.kill_all([entry[0]])
                living.remove(entry)
            while started < count and len(living) < AT_ONCE:
                process = processes.start([generator.choice(programs)], env)
                # From before the connection to the middle of the work.
                living.append((process, now + generator.uniform(0.0, 0.5) * settings.scale))
                started += 1
            time.sleep(0.005)
    finally:
        processes.kill_all([process for process, _ in living])


def shared_files():
    """What POSIX shared memory leaves in the file system, by name."""
    try:
        return {name for name in os.listdir("/dev/shm") if "vesper" in name.lower()}
    except OSError:
        return set()


def one_client(settings, env):
    ended = processes.run([settings.program("compute")], env, 60 * settings.scale)
    if ended.status != 0:
        raise Failure(f"a new client {ended.describe()}")


def steady(server):
    """The footprint once it has not changed for a second, or after ten."""
    last = processes.Footprint(server.process.pid)
    same = 0
    for _ in range(100):
        time.sleep(0.1)
        now = processes.Footprint(server.process.pid)
        same = same + 1 if now.exact() == last.exact() else 0
        last = now
        if same == 10:
            break
    return last


def test(settings, arguments):
    processes.require_proc()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(10**6)
    print(f"seed {seed} (repeat with --seed {seed})", flush=True)
    generator = random.Random(seed)
    with Server(settings, arguments.host, options=arguments.server_option) as server:
        env = environment.guest_environment(arguments.guest, server.socket_path)
        storm(settings, env, WARM_UP, generator)
        one_client(settings, env)
        before = steady(server)
        files = shared_files()
        print(f"before: {before}", flush=True)

        storm(settings, env, KILLED, generator)
        server.check_alive()
        one_client(settings, env)
        after = settle(server, before)
        print(f"after:  {after}", flush=True)
        if has_grown(before, after):
            # A leak grows with every storm; what the allocator keeps was once needed at once.
            storm(settings, env, KILLED, generator)
            one_client(settings, env)
            before, after = after, settle(server, before)
            print(f"once more: {after}", flush=True)
        check(before, after, server, files)


def settle(server, before):
    return processes.settle(lambda: processes.Footprint(server.process.pid),
                            lambda now: now.exact() == before.exact(),
                            30 * server.settings.scale)


def has_grown(before, after):
    return after.resident_kib - before.resident_kib > RESIDENT_KIB


def check(before, after, server, files):
    wrong = [f"{name}: {before.exact()[name]} before, {count} after"
             for name, count in after.exact().items() if count != before.exact()[name]]
    if after.private_mappings - before.private_mappings > PRIVATE_MAPPINGS:
        wrong.append(f"private mappings: {before.private_mappings} before, "
                     f"{after.private_mappings} after")
    if has_grown(before, after) and not server.settings.sanitized:
        wrong.append(f"memory: {before.resident_kib} KiB before, {after.resident_kib} KiB after")
    left = shared_files() - files
    if left:
        wrong.append(f"files in /dev/shm: {sorted(left)}")
    left = os.listdir(server.temporary)
    if left:
        wrong.append(f"temporary files: {sorted(left)}")
    if wrong:
        raise Failure(f"after {KILLED} killed clients: " + "; ".join(wrong) + server.explain())


if __name__ == "__main__":
    parser = environment.parser(__doc__)
    parser.add_argument("--seed", type=int, help="for the random moments")
    environment.run_test(test, parser.parse_args(sys.argv[1:]))
