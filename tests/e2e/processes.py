"""Running programs within hard limits, and what Linux tells about a server's processes."""

import glob
import os
import signal
import subprocess
import time

from environment import Skip


class Ended:
    """How a program ended: `status` is None if it was killed at its time limit."""

    def __init__(self, status, output, errors):
        self.status = status
        self.output = output
        self.errors = errors

    def describe(self):
        how = "did not end in time and was killed" if self.status is None else (
            f"ended with status {self.status}")
        text = (self.output + self.errors).strip()
        return how + (": " + text[-3000:] if text else "")


def run(command, env, limit, cwd=None):
    """Runs a program to its end or to `limit` seconds; Mesa's guest driver spins for ever when
    its server has gone, so nothing is ever waited for without a limit."""
    process = subprocess.Popen(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        output, errors = process.communicate(timeout=limit)
        status = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        output, errors = process.communicate()
        status = None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return Ended(status, output.decode(errors="replace"), errors.decode(errors="replace"))


def start(command, env, output=subprocess.DEVNULL):
    return subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=output,
                            stderr=subprocess.STDOUT)


def kill_all(processes):
    for process in processes:
        if process.poll() is None:
            process.kill()
    for process in processes:
        process.wait()
        if process.stdout:
            process.stdout.close()


def require_proc():
    if not os.path.exists("/proc/self/task"):
        raise Skip("this test reads /proc, which only Linux has")


def _parents(ended="ZX"):
    """Of every process whose state is none of `ended`."""
    found = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="ascii", errors="replace") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] not in ended:
            found[int(path.split("/")[2])] = int(fields[1])
    return found


def children(pid):
    """Also those that have ended and that nobody has waited for."""
    return [child for child, parent in _parents(ended="").items() if parent == pid]


def count_threads(pid):
    return _count(f"/proc/{pid}/task")


def tree(root):
    """The live processes that descend from `root`, itself included."""
    parents = _parents()
    members = {root} & parents.keys()
    while True:
        more = {pid for pid, parent in parents.items() if parent in members} - members
        if not more:
            return members
        members |= more


def kill_tree(process):
    """SIGKILL for a process of ours and all its descendants."""
    members = tree(process.pid) if os.path.exists("/proc/self") else set()
    for pid in members - {process.pid}:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    if process.poll() is None:
        process.kill()
    process.wait()


def _read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""  # it ended meanwhile


def _count(path):
    try:
        return len(os.listdir(path))
    except OSError:
        return 0


def cpu_seconds(root):
    """CPU time of a process tree.  By the processes' CPU clocks: the ticks of /proc/PID/stat charge
    a whole tick to whoever runs when it ends, and what wakes up by a timer does so too often."""
    total = 0.0
    for pid in tree(root):
        try:
            # The kernel's number for the CPU clock of another process.
            total += time.clock_gettime((~pid << 3) | 2)
        except OSError:
            pass  # it ended meanwhile
    return total


def context_switches(root):
    """Voluntary and involuntary switches of every live thread of a process tree."""
    total = 0
    for pid in tree(root):
        for path in glob.glob(f"/proc/{pid}/task/*/status"):
            for line in _read(path).splitlines():
                if "ctxt_switches:" in line:
                    total += int(line.split()[1])
    return total


class Footprint:
    """What a process tree holds: everything that a client could have left behind."""

    def __init__(self, root):
        members = tree(root)
        self.processes = len(members)
        self.descriptors = sum(_count(f"/proc/{pid}/fd") for pid in members)
        self.threads = sum(map(count_threads, members))
        self.shared_mappings = 0
        self.private_mappings = 0
        self.resident_kib = 0
        for pid in members:
            for line in _read(f"/proc/{pid}/maps").splitlines():
                if line.split()[1].endswith("s"):
                    self.shared_mappings += 1
                else:
                    self.private_mappings += 1
            for line in _read(f"/proc/{pid}/status").splitlines():
                if line.startswith("RssAnon:"):
                    self.resident_kib += int(line.split()[1])

    def exact(self):
        """The counts that have to come back to where they were."""
        return {
            "processes": self.processes,
            "descriptors": self.descriptors,
            "threads": self.threads,
            "shared mappings": self.shared_mappings,
        }

    def __str__(self):
        return ", ".join(f"{count} {name}" for name, count in self.exact().items()) + (
            f", {self.private_mappings} private mappings, {self.resident_kib} KiB")


def settle(measure, accepted, limit):
    """Calls measure() until accepted(value) or `limit` seconds have passed; the last value."""
    deadline = time.monotonic() + limit
    while True:
        value = measure()
        if accepted(value) or time.monotonic() > deadline:
            return value
        time.sleep(0.1)
