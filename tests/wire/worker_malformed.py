"""vesper-worker and a vesper that keeps no rules: malformed messages, too many descriptors and too
few, a channel closed half-way, noise. The worker says a sentence and ends by itself, with status 1;
where the channel closes between two messages, with 0; never by a signal."""

import array
import os
import random
import signal
import socket
import struct
import sys
import tempfile
import time
import unittest

import wire_test

SPAWN_FD = 3
PROTOCOL = 3
(HELLO, SUBMIT, CREATE_BLOB, ATTACH, DETACH, REUSE, FENCE, READY, FAILED, BLOB_CREATED,
 LOST) = range(1, 12)
SENTENCE = "vesper broke the protocol or its channel: "

HELLO_FORMAT = "=II QQQIIQB7x i104s4x"
NOISE_ROUNDS = 60


def hello(protocol=PROTOCOL, limits=(0, 0, 0, 0, 0, 0, 0), level=0, name=b"test"):
    return struct.pack(HELLO_FORMAT, HELLO, protocol, *limits, level, name)


def submit(commands=b""):
    return struct.pack("=II", SUBMIT, 0) + commands


def create_blob(resource=7, size=4096, blob=0, flags=1):
    return struct.pack("=IIQQII", CREATE_BLOB, resource, blob, size, flags, 0)


def attach(resource=8, kind=0, caching=1, size=4096):
    return struct.pack("=IIIIQ", ATTACH, resource, kind, caching, size)


def detach(resource, gives_back=0, place=0):
    return struct.pack("=IIIIQ", DETACH, resource, gives_back, 0, place)


def reuse(number=1, size=4096, place=0):
    return struct.pack("=IIQQQ", REUSE, 0, number, size, place)


def fence(ring_idx=0, number=1):
    return struct.pack("=IIQ", FENCE, ring_idx, number)


class Worker:
    """A worker process and vesper's end of its channel."""

    def __init__(self, folder):
        self.log = os.path.join(folder, "log")
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        theirs.setblocking(False)
        self.socket.settimeout(wire_test.PATIENCE)
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            self.pid = os.posix_spawn(
                sys.argv[1], ["vesper-worker", "none"], wire_test.server_environment() or os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), SPAWN_FD),
                              (os.POSIX_SPAWN_DUP2, log, 2)])
        finally:
            os.close(log)
            theirs.close()
        self.status = None

    def send_raw(self, data, fds=()):
        """The descriptors go with the first byte. One that has ended already takes nothing."""
        sent = 0
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        try:
            while sent < len(data):
                sent += self.socket.sendmsg([data[sent:]], control)
                control = []
        except (BrokenPipeError, ConnectionResetError):
            pass

    def send(self, payload, fds=(), size=None, fd_count=None):
        header = struct.pack("=II", len(payload) if size is None else size,
                             len(fds) if fd_count is None else fd_count)
        self.send_raw(header + payload, fds)

    def receive(self):
        """One message, without its descriptors; None where the channel has ended."""
        try:
            header = self.socket.recv(8, socket.MSG_WAITALL)
            if len(header) < 8:
                return None
            return self.socket.recv(struct.unpack("=II", header)[0], socket.MSG_WAITALL)
        except ConnectionResetError:
            return None

    def receive_kind(self):
        message = self.receive()
        return struct.unpack_from("=I", message)[0] if message else None

    def wait(self):
        """The exit status, negative for a signal."""
        deadline = time.monotonic() + wire_test.PATIENCE
        while self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > deadline:
                raise AssertionError("the worker does not end")
            else:
                time.sleep(0.001)
        return self.status

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def close(self):
        self.socket.close()
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


class Malformed(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="worker-")
        self.addCleanup(self.folder.cleanup)

    def worker(self):
        """One that has said that it is ready."""
        worker = Worker(self.folder.name)
        self.addCleanup(worker.close)
        kind = worker.receive_kind()
        if kind == FAILED:
            self.skipTest("there is no Vulkan library")
        self.assertEqual(kind, READY)
        return worker

    def memory(self, size=4096, sealed=True):
        if not hasattr(os, "memfd_create"):
            self.skipTest("the test has no memory to share")
        import fcntl  # pylint: disable=import-outside-toplevel
        fd = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(fd, size)
        if sealed:
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        self.addCleanup(os.close, fd)
        return fd

    def pipe(self):
        ends = os.pipe()
        for end in ends:
            self.addCleanup(os.close, end)
        return ends

    def serving(self, **members):
        """One with a context, and its fence pipe's end to read."""
        worker = self.worker()
        reading, writing = self.pipe()
        worker.send(hello(**members), (self.memory(), writing))
        return worker, reading

    def expect_end(self, worker, what):
        """By itself, with the sentence."""
        status = worker.wait()
        self.assertEqual(status, 1, f"{what}: status {status}\n{worker.text()}")
        self.assertIn(SENTENCE, worker.text(), what)

    def refused(self, what, payload, fds=(), **header):
        """As the first message."""
        worker = self.worker()
        worker.send(payload, fds, **header)
        self.expect_end(worker, what)

    def refused_later(self, what, payload, fds=(), **header):
        """After a hello."""
        worker, _ = self.serving()
        worker.send(payload, fds, **header)
        self.expect_end(worker, what)

    def test_frames(self):
        page = self.memory()
        self.refused("an empty message", b"", size=0)
        self.refused("two bytes", b"ab")
        self.refused("too large", b"", size=0x40000001)
        self.refused("as large as can be said", b"", size=0xFFFFFFFF)
        self.refused("descriptors announced and not sent", hello(), fd_count=2)
        self.refused("more than there can be", hello(), fd_count=5)
        self.refused("as many as can be said", hello(), fd_count=0xFFFFFFFF)
        self.refused("one not announced", hello(), (page,), fd_count=0)
        self.refused("more than announced", hello(), (page,) * 3, fd_count=2)
        self.refused("fewer than announced", hello(), (page,), fd_count=2)
        self.refused("very many", hello(), (page,) * 200, fd_count=2)
        worker = self.worker()
        worker.send_raw(struct.pack("=I", len(hello())))
        time.sleep(0.01)
        worker.send_raw(struct.pack("=I", 1) + hello(), (page,))
        self.expect_end(worker, "a descriptor in the middle of a header")

    def test_before_hello(self):
        for kind in (SUBMIT, CREATE_BLOB, ATTACH, DETACH, REUSE, FENCE, READY, FAILED, BLOB_CREATED,
                     LOST, 0, 77, 0xFFFFFFFF):
            self.refused(f"kind {kind} before hello", struct.pack("=II", kind, 0))

    def test_hello(self):
        page, (reading, writing) = self.memory(), self.pipe()
        folder = os.open("/", os.O_RDONLY)
        self.addCleanup(os.close, folder)
        self.refused("too short", hello()[:-1], (page, writing))
        self.refused("too long", hello() + b"\0", (page, writing))
        self.refused("another protocol", hello(protocol=1), (page, writing))
        self.refused("a switch that is neither", hello(limits=(0, 0, 0, 0, 0, 0, 7)),
                     (page, writing))
        self.refused("no descriptor", hello())
        self.refused("one", hello(), (page,))
        self.refused("three", hello(), (page, writing, writing))
        self.refused("a page too small", hello(), (self.memory(10), writing))
        if not wire_test.server_environment():  # elsewhere nothing can be sealed
            self.refused("a page that can shrink", hello(), (self.memory(sealed=False), writing))
        self.refused("a pipe for a page", hello(), (reading, writing))
        self.refused("a folder for a page", hello(), (folder, writing))
        worker, writing = self.serving()
        worker.send(hello(), (page, writing))
        self.expect_end(worker, "a second hello")

    def test_requests(self):
        page = self.memory()
        self.refused_later("no kind", b"abc")
        for kind in (0, READY, FAILED, BLOB_CREATED, LOST, 77, 0xFFFFFFFF):
            self.refused_later(f"kind {kind}", struct.pack("=II", kind, 0))
        self.refused_later("half a submit", submit()[:6])
        self.refused_later("a command cut short", submit(b"abc"))
        self.refused_later("half a blob", create_blob()[:-1])
        self.refused_later("a blob and more", create_blob() + b"\0")
        self.refused_later("a blob for nobody", create_blob(resource=0))
        self.refused_later("a blob of nothing", create_blob(size=0))
        self.refused_later("half an attach", attach()[:-8], (page,))
        self.refused_later("an attach of nothing", attach())
        self.refused_later("an attach of two", attach(), (page, page))
        self.refused_later("more than the file has", attach(size=1 << 40), (page,))
        self.refused_later("no bytes", attach(size=0), (page,))
        self.refused_later("an unknown kind of memory", attach(kind=99), (page,))
        self.refused_later("an unknown caching", attach(caching=99), (page,))
        self.refused_later("a pipe", attach(), (self.pipe()[0],))
        self.refused_later("half a detach", detach(1)[:-1])
        self.refused_later("half a detach that gives back", detach(1, gives_back=1)[:-8])
        self.refused_later("half a reuse", reuse()[:-8], (page,))
        self.refused_later("a reuse of nothing", reuse())
        self.refused_later("a reuse of two", reuse(), (page, page))
        self.refused_later("a reuse of more than the file has", reuse(size=1 << 40), (page,))
        self.refused_later("a reuse of no bytes", reuse(size=0), (page,))
        self.refused_later("a reuse of a pipe", reuse(), (self.pipe()[0],))
        self.refused_later("half a fence", fence()[:-1])
        self.refused_later("a fence beyond all", fence(ring_idx=64))
        self.refused_later("a fence far beyond all", fence(ring_idx=0xFFFFFFFF))

    def test_what_is_the_guests_to_answer_for(self):
        """Requests that a guest can cause cost its context, of which vesper hears, or are answered;
        the worker serves on, and ends in order."""
        worker, reading = self.serving(limits=(2**64 - 1, 2**64 - 1, 1, 2**32 - 1, 1, 1, 1),
                                       level=-7, name=b"\xff" * 104)
        worker.send(create_blob(size=2**63))
        self.assertEqual(worker.receive_kind(), BLOB_CREATED)
        worker.send(detach(12345))
        worker.send(detach(12345, gives_back=1, place=2**64 - 1))
        worker.send(reuse(number=0), (self.memory(),))
        worker.send(reuse(number=2**64 - 1, place=2**64 - 1), (self.memory(),))
        worker.send(fence(number=5))
        self.assertTrue(wire_test.becomes_readable(reading))
        worker.send(submit(b"\xff" * 64))
        self.assertEqual(worker.receive_kind(), LOST)
        worker.send(create_blob(resource=9))
        self.assertEqual(worker.receive_kind(), BLOB_CREATED)
        worker.socket.close()
        self.assertEqual(worker.wait(), 0, worker.text())

    def test_closed(self):
        worker = self.worker()
        worker.socket.close()
        self.assertEqual(worker.wait(), 0, worker.text())
        worker, _ = self.serving()
        worker.socket.close()
        self.assertEqual(worker.wait(), 0, worker.text())
        for cut in (1, 7, 8, 9, 100):
            worker = self.worker()
            header = struct.pack("=II", len(hello()), 0)
            worker.send_raw((header + hello())[:cut])
            worker.socket.close()
            self.expect_end(worker, f"closed after {cut} bytes")
        worker = self.worker()
        worker.send(b"\0" * 4096, size=0x40000000)
        worker.socket.close()
        self.expect_end(worker, "closed in a message of a GiB")
        worker, _ = self.serving()
        worker.send(submit(b"\0" * 64), size=4096)
        worker.socket.shutdown(socket.SHUT_WR)
        self.expect_end(worker, "half closed in a message")

    def test_nobody_reads(self):
        """Answers wait within bounds, and the worker ends with its vesper."""
        worker, _ = self.serving()
        for resource in range(1, 2000):
            worker.send(create_blob(resource=resource, size=2**63))
        worker.socket.close()
        self.assertIn(worker.wait(), (0, 1), worker.text())

    def test_noise(self):
        seed = random.SystemRandom().randrange(10**6)
        print(f"seed {seed}", flush=True)
        generator = random.Random(seed)
        page, (reading, writing) = self.memory(), self.pipe()
        makers = (hello, submit, create_blob, attach, lambda: detach(7), fence)
        for _ in range(NOISE_ROUNDS):
            worker = self.worker() if generator.random() < 0.3 else self.serving()[0]
            for _ in range(generator.randrange(1, 6)):
                payload = bytearray(generator.choice(makers)())
                for _ in range(generator.randrange(0, 4)):
                    payload[generator.randrange(len(payload))] = generator.randrange(256)
                fds = [generator.choice((page, reading, writing))
                       for _ in range(generator.randrange(0, 4))]
                worker.send(bytes(payload[:generator.randrange(1, len(payload) + 1)]
                                  if generator.random() < 0.2 else payload), fds)
            worker.socket.close()
            status = worker.wait()
            self.assertIn(status, (0, 1), f"seed {seed}\n{worker.text()}")
            if status == 1:
                self.assertIn(SENTENCE, worker.text(), f"seed {seed}")
            worker.close()


if __name__ == "__main__":
    wire_test.main()
