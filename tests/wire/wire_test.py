"""What the tests that speak a protocol byte by byte have in common, whichever it is."""

import mmap
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest

# Nothing in these tests takes this long unless it is broken.
PATIENCE = 20.0


def eventually(condition, seconds=PATIENCE):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def becomes_readable(fd, seconds=PATIENCE):
    """Something can be read: a pipe that nobody writes to any more is hung up, not readable."""
    waiter = select.poll()
    waiter.register(fd, select.POLLIN)
    return any(events & select.POLLIN for _, events in waiter.poll(seconds * 1000))


def is_readable(fd):
    """Now, or in the moment that a wrong signal would need."""
    return becomes_readable(fd, 0.05)


def whole_pages(size):
    """What shared memory of `size` bytes has on the server's system."""
    page = int(os.environ.get("VESPER_SERVER_PAGE", mmap.PAGESIZE))
    return (size + page - 1) // page * page


def server_environment():
    """For a server under other rules than ours (tests/hosts): they are not for the test itself."""
    preload = os.environ.get("VESPER_SERVER_PRELOAD")
    return dict(os.environ, LD_PRELOAD=preload) if preload else None


class ServerProcess:
    """The program of the command line, or `program`, on a socket in a folder of its own; it says
    "listening" when it does."""

    def __init__(self, prefix, *arguments, program=None, preexec_fn=None):
        self.folder = tempfile.TemporaryDirectory(prefix=prefix)
        self.path = os.path.join(self.folder.name, "socket")
        self.log_path = os.path.join(self.folder.name, "log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([program or sys.argv[1], self.path, *arguments],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=server_environment(), preexec_fn=preexec_fn)
        self.wait_for_log("listening")

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def wait_for_log(self, text, count=1):
        deadline = time.monotonic() + PATIENCE
        while self.log().count(text) < count:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"the log never said {text!r}:\n{self.log()}")
            time.sleep(0.002)

    def stop(self):
        """Ends the server in order; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "did not end"

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()


def main():
    """Runs the calling script's tests; its first argument is the program. Exit code 77: what ran
    passed, and something could not be run."""
    result = unittest.main(argv=[sys.argv[0], *sys.argv[2:]], exit=False).result
    for test, reason in result.skipped:
        print(f"skipped: {test.id()}: {reason}")
    sys.exit(1 if not result.wasSuccessful() else 77 if result.skipped else 0)
