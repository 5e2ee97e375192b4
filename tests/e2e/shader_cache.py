#!/usr/bin/env python3
"""Where workers' drivers keep what they compiled: in the folder that was asked for, or in one of the
server's own, which no other server has. A second run finds what the first one left and has the same
results; what is temporary goes with its server, or with the next one where that was killed."""

import os
import pathlib
import re
import signal
import stat
import subprocess
import sys
import time

import environment
import processes
import sandbox
from environment import Failure, Skip
from server import Server

PROGRAM = "raster"

# As far as `vesper run` asks; its machine ends at once.
QEMU = """#!/bin/sh
case $1 in
--version) echo 'QEMU emulator version 11.1.0' ;;
-device) echo 'name "vhost-user-test-device-pci", bus PCI' ;;
esac
"""


def made_server(settings, arguments, *options):
    """It may use caches, and says where they are."""
    server = Server(settings, arguments.host,
                    options=["--isolation=process", "--log-level=debug", *options])
    del server.env["MESA_SHADER_CACHE_DISABLE"]
    return server


def run_guest(settings, arguments, server):
    env = environment.guest_environment(arguments.guest, server.socket_path)
    ended = processes.run([settings.program(PROGRAM)], env, 60 * settings.scale)
    if ended.status != 0:
        raise Failure(f"the guest's program {ended.describe()}{server.explain()}")
    return ended.output


def entries_in(folder):
    """What drivers compiled, apart from their lists of it, and when it was written."""
    found = {}
    for path in sorted(folder.rglob("*")):
        try:
            info = path.stat()
        except FileNotFoundError:
            continue  # it has its final name meanwhile
        if (stat.S_ISREG(info.st_mode) and info.st_size > 0 and path.suffix != ".idx"
                and path.name not in ("index", "marker")):
            found[path] = info.st_mtime_ns
    return found


def own_folder(server):
    """That the server has by itself; None where it has none."""
    found = re.search(r"workers: shader cache (.*)", server.explain())
    return pathlib.Path(found[1]) if found else None


def expect(condition, text, server):
    if not condition:
        raise Failure(text + server.explain())


def settled_entries(folder, settings):
    """Once a worker that has ended writes no more."""
    known = {}
    for _ in range(int(50 * settings.scale)):
        before, known = known, entries_in(folder)
        if known and known == before:
            break
        time.sleep(0.2)
    return known


def check_asked(settings, arguments):
    """A folder that was asked for is made, used, kept, and used again by the next server."""
    with made_server(settings, arguments) as other:
        folder = pathlib.Path(other.folder) / "asked"
        with made_server(settings, arguments, f"--shader-cache={folder}") as server:
            first = run_guest(settings, arguments, server)
            stored = settled_entries(folder, settings)
            expect(stored, "nothing is stored", server)
            expect(folder.stat().st_mode & 0o7777 == 0o700, "others may read the folder", server)
            expect(run_guest(settings, arguments, server) == first, "results differ", server)
            expect(settled_entries(folder, settings) == stored,
                   "the second run has compiled again", server)
        expect(entries_in(folder) == stored, "the server has changed the folder at its end", server)
        with made_server(settings, arguments, f"--shader-cache={folder}") as server:
            expect(run_guest(settings, arguments, server) == first, "results differ", server)
            expect(settled_entries(folder, settings) == stored,
                   "a new server has compiled again", server)
        # Another server's programs leave nothing there.
        run_guest(settings, arguments, other)
        expect(entries_in(folder) == stored, "another server wrote there", other)
    print(f"asked for: {len(stored)} files stored, and found again", flush=True)


def check_temporary(settings, arguments):
    """Two servers beside each other have a folder each, which goes with them."""
    with made_server(settings, arguments) as one, made_server(settings, arguments) as other:
        folders = [own_folder(server) for server in (one, other)]
        for server, folder in zip((one, other), folders):
            expect(folder and folder.is_dir(), "there is no folder", server)
            expect(folder.stat().st_mode & 0o7777 == 0o700, "others may read the folder", server)
            expect(folder.parent == pathlib.Path(server.env["XDG_CACHE_HOME"]) / "vesper",
                   f"{folder} is not where caches are", server)
            run_guest(settings, arguments, server)
            expect(settled_entries(folder, settings), "nothing is stored", server)
        expect(folders[0] != folders[1], "two servers share a folder", other)
        expect(one.terminate() == 0, "it fails", one)
        expect(not folders[0].exists(), "the folder stays behind", one)
        expect(folders[1].exists(), "another server's folder went, too", other)
    print("temporary: one for each server, which goes with it", flush=True)


def check_left_over(settings, arguments):
    """What a killed server leaves behind the next one removes, but nothing of a live one."""
    with made_server(settings, arguments) as live:
        killed, next_one = made_server(settings, arguments), made_server(settings, arguments)
        killed.env["XDG_CACHE_HOME"] = next_one.env["XDG_CACHE_HOME"] = live.env["XDG_CACHE_HOME"]
        used = own_folder(live)
        with killed:
            run_guest(settings, arguments, killed)
            left = own_folder(killed)
            expect(left != used, "two servers share a folder", killed)
            killed.process.send_signal(signal.SIGKILL)
            killed.process.wait()
            expect(left.is_dir(), "a killed server has removed its folder", killed)
        with next_one:
            expect(not left.exists(), "what a killed server left is still there", next_one)
            expect(used.is_dir(), "a live server's folder was removed", live)
            run_guest(settings, arguments, live)
    print("left over: removed by the next server", flush=True)


def check_named(settings, arguments):
    """A session with a name has a folder that is kept."""
    with made_server(settings, arguments) as server:
        command = [settings.server_command[0], "serve", "--name", "shader-cache-test", "--socket",
                   os.path.join(server.folder, "gpu"), "--log-level=debug"]
        log_path = os.path.join(server.folder, "named.log")
        with open(log_path, "wb") as log:
            session = subprocess.Popen(command, env=server.env, stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log)
        folder = pathlib.Path(server.env["XDG_CACHE_HOME"]) / "vesper" / "name-shader-cache-test"
        try:
            found = processes.settle(lambda: pathlib.Path(log_path).read_text(errors="replace"),
                                     lambda text: "listening" in text, 20 * settings.scale)
            expect(folder.is_dir() and str(folder) in found, "there is no folder\n" + found, server)
            session.send_signal(signal.SIGTERM)
            status = session.wait(20 * settings.scale)
            expect(status == 0, f"vesper serve ends with {status}", server)
            expect(folder.is_dir(), "the folder of a name is not kept", server)
        finally:
            processes.kill_tree(session)
    print("named: kept", flush=True)


def check_machine(settings, arguments):
    """`vesper run` knows a machine again by its disk; one without leaves nothing behind."""
    with made_server(settings, arguments) as server:
        folder = pathlib.Path(server.folder)
        qemu = folder / "qemu"
        qemu.write_text(QEMU, encoding="utf-8")
        qemu.chmod(0o700)
        own = pathlib.Path(server.env["XDG_CACHE_HOME"]) / "vesper"
        (folder / "link").symlink_to("one")
        kept = set()
        for disk, count in (("one", 1), ("link", 1), ("other", 2), (None, 2)):
            disks = [folder / disk] if disk else []
            for path in disks:
                path.touch()
            ended = processes.run([settings.server_command[0], "run", "--display=none", "--qemu",
                                   qemu, "--log-level=debug", *disks], server.env,
                                  60 * settings.scale)
            kind = "disk-" if disk else "temporary-"
            expect(ended.status == 0 and f"shader cache {own / kind}" in ended.errors,
                   f"vesper run {disk} {ended.describe()}", server)
            kept = set(own.glob("disk-*"))
            expect(len(kept) == count, f"{kept} after {disk}", server)
        left = set(own.iterdir()) - kept - {own_folder(server)}
        expect(not left, f"{left} stays behind", server)
    print("vesper run: one for each disk, kept", flush=True)


def check_without(settings, arguments):
    """None where none is wanted, where none can be made, or where there is no sandbox."""
    with made_server(settings, arguments, "--shader-cache=none") as server:
        expect(not own_folder(server), "there is a folder", server)
        expect(not os.path.exists(server.env["XDG_CACHE_HOME"]), "a folder was made", server)
        run_guest(settings, arguments, server)
        expect(not os.path.exists(server.env["XDG_CACHE_HOME"]), "a worker made one", server)
    server = made_server(settings, arguments)
    server.env["XDG_CACHE_HOME"] = "/dev/null/cache"
    with server:
        expect("no shader cache: " in server.explain(), "the log does not say why", server)
        run_guest(settings, arguments, server)
    with made_server(settings, arguments, "--sandbox=none") as server:
        run_guest(settings, arguments, server)
        own = pathlib.Path(server.env["XDG_CACHE_HOME"])
        expect(not own_folder(server) and not (own / "vesper").exists(),
               "there is a folder of vesper's where drivers find this user's", server)
        expect(settled_entries(own, settings), "drivers do not find this user's", server)
    print("none: drivers go without, or find this user's own", flush=True)


def check_variables(settings, arguments):
    """Variables of drivers that name another place do not count."""
    server = made_server(settings, arguments)
    elsewhere = os.path.join(server.folder, "elsewhere")
    os.mkdir(elsewhere)
    server.env["MESA_SHADER_CACHE_DIR"] = server.env["MESA_GLSL_CACHE_DIR"] = elsewhere
    with server:
        run_guest(settings, arguments, server)
        expect(settled_entries(own_folder(server), settings), "nothing is stored", server)
        expect(not os.listdir(elsewhere), "something is stored elsewhere", server)


def test(settings, arguments):
    if settings.foreign:
        raise Skip("another server's options are not known")
    if not sandbox.has_sandbox(arguments.vesper):
        raise Skip("this kernel has no Landlock")
    check_asked(settings, arguments)
    check_temporary(settings, arguments)
    check_left_over(settings, arguments)
    check_named(settings, arguments)
    check_machine(settings, arguments)
    check_without(settings, arguments)
    check_variables(settings, arguments)
    for options, words in ((["--isolation=none", "--shader-cache=/tmp"],
                            "needs --isolation=process"),
                           (["--isolation=process", "--shader-cache=/nonexistent/cache"],
                            "No such file or directory"),
                           (["--isolation=process", "--shader-cache=/dev/null"],
                            "Not a directory")):
        sandbox.expect_refusal(settings, arguments, options, words)


if __name__ == "__main__":
    environment.run_test(test, environment.parser(__doc__).parse_args(sys.argv[1:]))
