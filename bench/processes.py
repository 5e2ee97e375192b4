"""What Linux tells about a server's processes: who they are, their CPU time and their memory."""

import glob
import os
import time


def read_stat(pid):
    """(parent, session) of a process, or None if it is gone or a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else (int(fields[1]), int(fields[3]))


def tree(root):
    """The live processes of `root`: its session (it leads one) and every descendant."""
    stats = {int(d): read_stat(d) for d in os.listdir("/proc") if d.isdigit()}
    stats = {pid: stat for pid, stat in stats.items() if stat}
    found = {pid for pid, (_, session) in stats.items() if session == root or pid == root}
    while True:
        more = {pid for pid, (parent, _) in stats.items() if parent in found} - found
        if not more:
            return found
        found |= more


def cpu_seconds(pid):
    """CPU time of a whole process, dead threads included: its CPU clock, or /proc's ticks."""
    try:
        # The kernel's number for another process's CPU clock; /proc only counts ticks of 10 ms.
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        pass
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0.0


def memory_kib(pid):
    """The process's share of memory in KiB: a page that n processes map counts 1/n. The sum over
    a server's processes counts what these share among themselves once; private memory alone
    would not count it at all, and favour a server of many processes."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            lines = [line.split() for line in f]
    except OSError:
        return 0
    return sum(int(l[1]) for l in lines if l[0] == "Pss:")


def wakeups(pid):
    """How often the threads of a process have gone to sleep so far."""
    count = 0
    for path in glob.glob(f"/proc/{pid}/task/*/status"):
        try:
            with open(path, encoding="ascii", errors="replace") as f:
                count += sum(int(line.split()[1]) for line in f
                             if line.startswith("voluntary_ctxt_switches:"))
        except OSError:
            pass  # the thread ended meanwhile
    return count


def kill_tree(process):
    """Kills a session leader with all its descendants and waits for it."""
    for pid in tree(process.pid) | {process.pid}:
        if pid != process.pid or process.poll() is None:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
    process.wait()
