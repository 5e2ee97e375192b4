"""The three ways to a Vulkan driver: natively, through Vesper, through the peer's server."""

import os
import select
import signal
import socket
import subprocess
import time

import processes

CLEARED = ("VK_", "VN_", "VTEST_", "LD_PRELOAD")


class Failure(Exception):
    """A program or server that did not do its work; the text says what happened."""


def clean_environment(icd, cache):
    """The caller's environment without anything that would choose another driver or layer. Shaders
    are kept in the folder `cache`: each way has its own, and all begin with an empty one."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(CLEARED)}
    env["VK_DRIVER_FILES"] = icd
    env["VK_LOADER_LAYERS_DISABLE"] = "~implicit~"
    env["XDG_CACHE_HOME"] = cache
    return env


class Native:
    """The host's driver, loaded by the program itself."""

    name = "native"
    has_server = False

    def __init__(self, icd, folder):
        self.env = clean_environment(icd, os.path.join(folder, "native-cache"))

    def start(self):
        pass

    def stop(self):
        pass

    def explain(self):
        return ""


class Server:
    """A socket server that offers the host's driver to Mesa's guest driver."""

    has_server = True

    def __init__(self, name, argv, server_env, guest_icd, folder, at_rest=1):
        self.name = name
        self.at_rest = at_rest  # processes, while it has no client
        self.path = os.path.join(folder, name + ".sock")
        self.log = os.path.join(folder, name + ".log")
        self.argv = [self.path if a == "SOCKET" else a for a in argv]
        self.server_env = server_env
        self.env = clean_environment(guest_icd, os.path.join(folder, "guest-cache"))
        self.env["VN_DEBUG"] = "vtest"
        self.env["VTEST_SOCKET_NAME"] = self.path
        self.process = None

    def start(self):
        """Starts the server unless it runs already; returns once it accepts connections."""
        if self.process and self.process.poll() is None:
            return
        if os.path.exists(self.path):
            os.unlink(self.path)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                self.argv, env=self.server_env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        deadline = time.monotonic() + 20
        while not self.accepts():
            if self.process.poll() is not None:
                raise Failure("the server did not start")
            if time.monotonic() > deadline:
                raise Failure("the server does not listen")
            time.sleep(0.02)
        self.settle()

    def accepts(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(self.path)
            except OSError:
                return False
            return True

    def settle(self):
        """Waits, within bounds, until the processes of clients that left are gone, and until what
        is kept ready for the next client is there."""
        deadline = time.monotonic() + 2
        while (len(processes.tree(self.process.pid)) != self.at_rest
               and time.monotonic() < deadline):
            time.sleep(0.01)

    def stop(self):
        if self.process:
            if self.process.poll() is None:
                self.settle()
            processes.kill_tree(self.process)
            self.process = None

    def cpu(self):
        """CPU seconds so far of every live process of the server."""
        return {pid: processes.cpu_seconds(pid) for pid in processes.tree(self.process.pid)}

    def memory(self):
        """Share of memory of all of them, in KiB."""
        return sum(processes.memory_kib(pid) for pid in processes.tree(self.process.pid))

    def wakeups(self):
        """How often any of their threads has gone to sleep so far."""
        return sum(processes.wakeups(pid) for pid in processes.tree(self.process.pid))

    def explain(self):
        """What became of the server, for the report of a failure."""
        if not self.process:
            return "; the server does not run"
        status = self.process.poll()
        state = "runs" if status is None else "ended with " + describe(status)
        return f"; the server {state} and said: {tail(self.log)}"


def describe(status):
    return signal.Signals(-status).name if status < 0 else f"status {status}"


def tail(path):
    """The last few lines of a log as one line."""
    with open(path, "rb") as f:
        text = f.read()[-2000:].decode("utf-8", "replace")
    return " | ".join(text.strip().splitlines()[-4:]) or "it said nothing"


def make_vesper(vesper, isolation, host_icd, guest_icd, folder):
    """With a process for each client, as the peer has, and a spare one, or on threads."""
    argv = [vesper, "vtest", "--socket", "SOCKET", "--isolation=" + isolation]
    cache = os.path.join(folder, "vesper-cache")
    if isolation == "process":
        # As for a machine that comes back: the other ways keep theirs when they start anew, too.
        argv.append("--shader-cache=" + cache)
    return Server("vesper", argv, clean_environment(host_icd, cache), guest_icd, folder,
                  at_rest=2 if isolation == "process" else 1)


def make_peer(peer, preload, host_icd, guest_icd, folder):
    """The peer's vtest server; without /dev/udmabuf it needs the preload to share memory."""
    argv = [peer, "--no-virgl", "--venus", "--multi-clients", "--socket-path", "SOCKET"]
    env = clean_environment(host_icd, os.path.join(folder, "peer-cache"))
    if not os.path.exists("/dev/udmabuf"):
        env["LD_PRELOAD"] = preload
    return Server("peer", argv, env, guest_icd, folder)


class Client:
    """One run of a measuring program, stepped so that the server can be looked at in between.

    Mesa's guest driver spins for ever when its server dies, so every wait has an end.
    """

    def __init__(self, argv, env, log, timeout):
        self.log = log
        self.deadline = time.monotonic() + timeout
        self.timeout = timeout
        self.pending = b""
        self.started = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        with open(log, "wb") as errors:
            self.process = subprocess.Popen(
                argv + ["--step", "--started", str(self.started)], env=env, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=errors, start_new_session=True)

    def read_line(self):
        """The next line as words, or None at the end of the output."""
        out = self.process.stdout.fileno()
        while b"\n" not in self.pending:
            left = self.deadline - time.monotonic()
            if left <= 0 or not select.select([out], [], [], left)[0]:
                raise Failure(f"no answer within {self.timeout:g} s: {tail(self.log)}")
            data = os.read(out, 4096)
            if not data:
                return None
            self.pending += data
        line, _, self.pending = self.pending.partition(b"\n")
        return line.decode("utf-8", "replace").split()

    def go_on(self):
        try:
            os.write(self.process.stdin.fileno(), b"\n")
        except BrokenPipeError:
            pass  # it ended; finish() says how

    def finish(self):
        """Waits for the end; returns the wall time of the whole process in seconds."""
        try:
            status = self.process.wait(max(0.1, self.deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise Failure(f"did not end within {self.timeout:g} s: {tail(self.log)}") from None
        ended = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        if status != 0:
            raise Failure(f"{describe(status)}: {tail(self.log)}")
        return (ended - self.started) / 1e9

    def close(self):
        processes.kill_tree(self.process)
        self.process.stdin.close()
        self.process.stdout.close()
