"""The server under test: on a socket of its own, always stopped, its log shown on failure."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import environment
import processes
from environment import Failure


class Server:
    """`with Server(settings, host_mesa) as server:` — ready to accept when the block starts."""

    def __init__(self, settings, host, socket_path=None, options=()):
        self.settings = settings
        self.options = list(options)
        # First, because it may skip: then no folder is left.
        environment.manifest("lvp", host)
        self.folder = tempfile.mkdtemp(prefix="vesper-e2e-")
        self.env = environment.host_environment(host, self.folder)
        self.env["VESPER_HOST_STRICT"] = "1"
        self.socket_path = socket_path or os.path.join(self.folder, "s")
        self.log_path = os.path.join(self.folder, "server.log")
        # The server's temporary files would be found here.
        self.temporary = os.path.join(self.folder, "tmp")
        os.mkdir(self.temporary)
        self.env["TMPDIR"] = self.env["XDG_RUNTIME_DIR"] = self.temporary
        # Meson has the allocator fill what is freed: good for the server, slow for the programs.
        if "MALLOC_PERTURB_" in os.environ:
            self.env["MALLOC_PERTURB_"] = os.environ["MALLOC_PERTURB_"]
        preload = os.environ.get("VESPER_SERVER_PRELOAD")
        if preload:
            self.env["LD_PRELOAD"] = preload
        # Under the preloaded rules of another system there is no memfd, and the sandbox of this one
        # lets nobody make shared memory that has a name.
        if preload and not settings.foreign:
            self.options.append("--sandbox=none")
        self.process = None

    def command(self):
        return [self.socket_path if part == "SOCKET" else part
                for part in self.settings.server_command] + self.options

    def start(self):
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(self.command(), env=self.env, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)

    def wait_ready(self):
        deadline = time.monotonic() + 20 * self.settings.scale
        while not can_connect(self.socket_path):
            if self.process.poll() is not None:
                raise Failure(f"the server ended with status {self.process.returncode} before it "
                              f"listened{self.explain()}")
            if time.monotonic() > deadline:
                raise Failure(f"the server does not listen{self.explain()}")
            time.sleep(0.02)

    def check_alive(self):
        if self.process.poll() is not None:
            raise Failure(f"the server has ended with status {self.process.returncode}"
                          f"{self.explain()}")

    def terminate(self, limit=20):
        """SIGTERM, then the exit status; fails if the server does not end within the limit."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(limit * self.settings.scale)
        except subprocess.TimeoutExpired:
            raise Failure(f"the server does not end on SIGTERM{self.explain()}") from None

    def explain(self):
        """The server's log, for the text of a failure."""
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as log:
                text = log.read().strip()
        except OSError:
            text = ""
        return "\n-- server log\n" + (text[-6000:] or "(empty)")

    def __enter__(self):
        try:
            self.start()
            self.wait_ready()
        except BaseException:
            self.clean_up()
            raise
        return self

    def __exit__(self, kind, _value, _trace):
        try:
            # A sanitizer reports at the end, by the exit status.
            if kind is None and self.process.poll() is None:
                status = self.terminate()
                if status != 0 and not self.settings.foreign:
                    raise Failure(f"the server ended with status {status}{self.explain()}")
        finally:
            self.clean_up()

    def clean_up(self):
        if self.process:
            processes.kill_tree(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)


def can_connect(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(5)
        try:
            probe.connect(path)
        except OSError:
            return False
        return True
