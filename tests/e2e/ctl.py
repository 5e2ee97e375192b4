#!/usr/bin/env python3
"""ctl.py VESPER: vesper ctl finds sessions of its user, asks them, and says what is wrong."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import environment
from environment import Failure

SECONDS = 60


def expect(condition, text, done=None):
    if not condition:
        raise Failure(text + (f"\nexit status {done.returncode}\n{done.stdout}\n{done.stderr}"
                              if done else ""))


class World:
    """A runtime folder of its own, in which sessions run."""

    def __init__(self, vesper, folder):
        self.vesper = vesper
        self.folder = pathlib.Path(folder)
        self.runtime = self.folder / "run"
        self.runtime.mkdir(mode=0o700)
        self.sockets = self.runtime / f"vesper-{os.getuid()}"
        self.env = environment.clean_environment(environment.manifest("lvp", "backports"))
        self.env |= {"XDG_RUNTIME_DIR": str(self.runtime), "TMPDIR": str(self.runtime),
                     "XDG_CACHE_HOME": str(self.folder / "cache")}

    def ctl(self, *arguments, **settings):
        return subprocess.run([self.vesper, "ctl", *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=SECONDS, **{"env": self.env, "cwd": self.folder} | settings)

    def must(self, *arguments):
        done = self.ctl(*arguments)
        expect(done.returncode == 0 and not done.stderr, f"ctl {arguments} fails", done)
        return done.stdout

    def must_fail(self, words, *arguments, status=1):
        done = self.ctl(*arguments)
        expect(done.returncode == status and words in done.stderr and not done.stdout,
               f"ctl {arguments} does not fail with '{words}'", done)

    @contextlib.contextmanager
    def session(self, name, *arguments):
        """vesper serve, once it can be found; `name`: None for none."""
        gpu = self.folder / f"gpu-{name}"
        words = ["--name", name] if name else []
        log = self.folder / f"{name}.log"
        with log.open("wb") as errors:
            process = subprocess.Popen([self.vesper, "serve", "--socket", gpu, *words, *arguments],
                                       env=self.env, stdin=subprocess.DEVNULL, stderr=errors)
        try:
            path = self.sockets / f"{name or process.pid}.control"
            deadline = time.monotonic() + SECONDS
            while not can_connect(path):
                expect(process.poll() is None, "vesper serve ended at once")
                expect(time.monotonic() < deadline, "there is no control socket")
                time.sleep(0.02)
            yield process
        except BaseException:
            print("-- its log:", log.read_text(errors="replace"), sep="\n", file=sys.stderr)
            raise
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                status = process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
        expect(status == 0, f"vesper serve ended with status {status}:\n"
               + log.read_text(errors="replace"))
        expect(not path.exists(), "the control socket is left")


def can_connect(path):
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def check_nothing_runs(world):
    world.must_fail("nothing runs", "status")
    world.must_fail("nothing runs", "display", "list")
    world.must_fail("no session of yours is called 'x'", "--name", "x", "status")
    world.must_fail("cannot be connected to", "--control", "/nonexistent/x", "status")


def check_usage(world):
    for words in ([], ["status", "now"], ["screenshot"], ["display"], ["display", "1"],
                  ["display", "0", "connect"], ["display", "1", "on"],
                  ["display", "1", "rotate=90", "connect"],
                  ["display", "1", "connect", "connect"], ["dance"], ["--display", "0", "status"],
                  ["screenshot", "a\nb"]):
        done = world.ctl(*words)
        expect(done.returncode in (1, 2) and done.stderr.startswith("vesper: ctl: "),
               f"ctl {words}", done)
    done = world.ctl("--help")
    expect(done.returncode == 0 and "display N disconnect" in done.stdout, "the help", done)


def displays(world):
    return [(shown["connected"], shown["width"], shown["height"], shown["refresh rate"])
            for shown in json.loads(world.must("display", "list", "--json"))["displays"]]


def check_one(world):
    with world.session(None, "--outputs", "3", "--size", "800x600"):
        mode = (world.sockets.stat().st_mode & 0o777)
        expect(mode == 0o700, f"the folder has mode {mode:o}")
        text = world.must("status")
        expect("requests refused: 0\n" in text and "display 1: connected, 800x600@60\n" in text,
               f"the status says:\n{text}")
        sheet = json.loads(world.must("--json", "status"))
        expect(sheet["contexts"] == 0 and sheet["displays"][2]["display"] == 3
               and not sheet["displays"][2]["connected"], f"the status is {sheet}")
        off = (False, 800, 600, 60)
        expect(displays(world) == [(True, 800, 600, 60), off, off], "the first displays")
        world.must("display", "2", "1024x768@75")
        world.must("display", "3", "640x480", "connect")
        world.must("display", "1", "disconnect")
        expect(displays(world) == [off, (True, 1024, 768, 75), (True, 640, 480, 60)],
               f"displays are {displays(world)}")
        world.must("display", "1", "connect")
        world.must("display", "2", "disconnect")
        expect(displays(world) == [(True, 800, 600, 60), (False, 1024, 768, 75),
                                   (True, 640, 480, 60)], f"displays are {displays(world)}")
        world.must_fail("no such display", "display", "4", "connect")
        for mode in ("16385x1", "1x16385", "800x600@501", "0x0", "99999999999x1"):
            world.must_fail("", "display", "1", mode)
        world.must_fail("expected", "display", "1", "800x600x", status=1)
        expect(displays(world)[0] == (True, 800, 600, 60), "a refused mode is there")
        # Nothing has been drawn: there is no picture, and no file.
        world.must_fail("No data", "screenshot", "one.png")
        world.must_fail("one.png", "screenshot", "--display", "9", "one.png")
        expect(not (world.folder / "one.png").exists(), "there is a picture of nothing")


def check_several(world):
    with world.session("second", "--refresh=144", "--dpi=192"), world.session("first"):
        world.must_fail("several sessions run; choose one with --name: first second", "status")
        world.must("--name", "second", "display", "1", "640x480")
        expect("640x480@144" in world.must("--name=second", "display", "list"), "the second's mode")
        expect("1280x800" in world.must("--name=first", "display", "list"), "the first's mode")
        done = subprocess.run([world.vesper, "serve", "--socket", world.folder / "third", "--name",
                               "first"], env=world.env, stdin=subprocess.DEVNULL, timeout=SECONDS,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        expect(done.returncode == 1 and "'first' runs already" in done.stderr, "a name twice", done)
    for words in (["--name", "../x"], ["--name", ".x"], ["--name", "x" * 33],
                  ["--name", "x", "--control", "/tmp/x"], ["--refresh", "23", "--name", "x"],
                  ["--dpi", "1001", "--name", "x"]):
        done = subprocess.run([world.vesper, "serve", "--socket", world.folder / "third", *words],
                              env=world.env, stdin=subprocess.DEVNULL, timeout=SECONDS,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        expect(done.returncode == 2 and words[0] in done.stderr, f"serve {words}", done)


def make_stale(path, age):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    then = time.time() - age
    os.utime(path, (then, then))


def check_stale(world):
    """A socket that nobody listens at is removed, unless it may be about to be listened at."""
    stale, young = world.sockets / "stale.control", world.sockets / "young.control"
    make_stale(stale, 60)
    make_stale(young, -60)
    (world.sockets / "file.control").touch()
    world.must_fail("nobody listens at the control socket", "--control", stale, "status")
    world.must_fail("nothing runs", "status")
    expect(not stale.exists(), "the stale socket is still there")
    expect(young.exists() and (world.sockets / "file.control").exists(), "others are gone")
    with world.session("alone"):
        world.must("status")
    young.unlink()
    (world.sockets / "file.control").unlink()


def check_foreign_folder(world):
    """A folder that is open to others is not used; a session does without it."""
    with world.session("here"):
        world.sockets.chmod(0o755)
        done = world.ctl("status")
        expect(done.returncode == 1 and "nothing runs" in done.stderr, "an open folder", done)
        world.sockets.chmod(0o700)
        world.must("status")


def check_broken_sessions(world):
    """What answers with nonsense, hangs up, or sends too much."""
    path = world.folder / "broken"
    answers = [(b"", "gives no answer"), (b"hello\n", "is no session of vesper"),
               (b"ok" + b"x" * 10000, "gives no answer"), (b"error of mine\n", "of mine"),
               (b"okay\n", "is no session of vesper"), (b"ok contexts=1", "gives no answer")]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve():
            for answer, _ in answers:
                connection = listener.accept()[0]
                with connection:
                    connection.recv(4096)
                    with contextlib.suppress(OSError):
                        connection.sendall(answer)
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        for _, words in answers:
            world.must_fail(words, "--control", path, "status")
        thread.join(SECONDS)


def main():
    vesper = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="vesper-ctl.") as folder:
        world = World(vesper, folder)
        for check in (check_nothing_runs, check_usage, check_one, check_several, check_stale,
                      check_foreign_folder, check_broken_sessions):
            print("--", check.__name__.replace("_", " "), flush=True)
            check(world)


if __name__ == "__main__":
    environment.conclude(main)
