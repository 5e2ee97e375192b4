"""A vtest server process and guests that speak to it byte by byte."""

import mmap
import os
import select
import socket
import struct
import unittest

# pylint: disable=unused-import
from wire_test import (PATIENCE, ServerProcess, becomes_readable, eventually, is_readable,
                       main, whole_pages)

RESOURCE_UNREF = 3
RESOURCE_BUSY_WAIT = 7
CREATE_RENDERER = 8
PING_PROTOCOL_VERSION = 10
PROTOCOL_VERSION = 11
GET_PARAM = 15
GET_CAPSET = 16
CONTEXT_INIT = 17
RESOURCE_CREATE_BLOB = 18
SYNC_CREATE = 19
SYNC_UNREF = 20
SYNC_READ = 21
SYNC_WRITE = 22
SYNC_WAIT = 23
SUBMIT_CMD2 = 24

INFINITE = 0xFFFFFFFF
HOST3D = 2
MAPPABLE = 1


def words(*values):
    return struct.pack(f"<{len(values)}I", *values)


def low_high(value):
    return value & 0xFFFFFFFF, value >> 32


def message(message_id, *values):
    return words(len(values), message_id, *values)


# The language of fake_context.h.
def wait_word(resource, offset, value):
    return [1, resource, offset, value]


def store_word(resource, offset, value):
    return [2, resource, offset, value]


def add_word(resource, offset, value):
    return [3, resource, offset, value]


def bind(ring_idx):
    return [4, ring_idx]


def hold(ring_idx, resource, offset, value):
    return [5, ring_idx, resource, offset, value]


LOSE = [6]


def destroy_wait(resource, offset, value):
    return [7, resource, offset, value]


VANISH = [8]


def submit(commands=(), syncs=(), ring_idx=0, header_dwords=8):
    """SUBMIT_CMD2 with one batch; syncs: (sync_id, value) pairs."""
    return submit_batches([(commands, syncs, ring_idx)], header_dwords)


def submit_batches(batches, header_dwords=8):
    at = 1 + len(batches) * header_dwords
    headers, body = [], []
    for commands, syncs, ring_idx in batches:
        headers += [1, at, len(commands), at + len(commands), len(syncs), ring_idx]
        headers += [0] * (header_dwords - 6)
        body += list(commands)
        for sync_id, value in syncs:
            body += [sync_id, *low_high(value)]
        at = 1 + len(batches) * header_dwords + len(body)
    return message(SUBMIT_CMD2, len(batches), *headers, *body)


class Server(ServerProcess):
    """The vtest server, with limits as its program takes them."""

    def __init__(self, *limits, program=None, preexec_fn=None):
        super().__init__("vtest-", *limits, program=program, preexec_fn=preexec_fn)

    def descriptors(self):
        """Open descriptors, and the number of threads."""
        folder = f"/proc/{self.process.pid}"
        if not os.path.isdir("/proc/self/fd"):
            raise unittest.SkipTest("this system does not show a process's descriptors")
        return (sorted(os.listdir(f"{folder}/fd"), key=int), len(os.listdir(f"{folder}/task")))

    def wake_ups(self):
        """How often the control thread has been scheduled."""
        if not os.path.exists("/proc/self/status"):
            raise unittest.SkipTest("this system does not count a thread's wake-ups")
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/status", encoding="ascii") as lines:
            return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)


class Guest:
    def __init__(self, server, ready=True, name="test"):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(server.path)
        if ready:
            self.start(name)

    def start(self, name="test"):
        """The parts of the start-up that the server insists on."""
        text = name.encode() + b"\0"
        self.send(words(len(text), CREATE_RENDERER) + text)
        self.request(CONTEXT_INIT, 4)
        self.ping()

    def send(self, data):
        self.socket.sendall(data)

    def request(self, message_id, *values):
        self.send(message(message_id, *values))

    def receive(self, size):
        """Exactly `size` bytes, taking no descriptor."""
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise EOFError(f"closed after {len(data)} of {size} bytes")
            data += part
        return data

    def receive_words(self, count):
        return struct.unpack(f"<{count}I", self.receive(4 * count))

    def receive_fd(self):
        """The dummy byte with exactly one descriptor."""
        data, fds, _, _ = socket.recv_fds(self.socket, 1, 8)
        assert data == b"\0" and len(fds) == 1, (data, fds)
        return fds[0]

    def ping(self):
        self.request(PING_PROTOCOL_VERSION)
        assert self.receive_words(2) == (0, PING_PROTOCOL_VERSION)

    def is_silent(self, seconds=0.05):
        """Nothing has come, nor the end."""
        return not select.select([self.socket], [], [], seconds)[0]

    def is_closed(self):
        """The server ends the connection without another byte."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.socket.close()

    # ---- requests with their answers

    def create_sync(self, value=0):
        self.request(SYNC_CREATE, *low_high(value))
        length, answer, sync_id = self.receive_words(3)
        assert (length, answer) == (1, SYNC_CREATE)
        return sync_id

    def read_sync(self, sync_id):
        self.request(SYNC_READ, sync_id)
        length, answer, low, high = self.receive_words(4)
        assert (length, answer) == (2, SYNC_READ)
        return low | high << 32

    def write_sync(self, sync_id, value):
        self.request(SYNC_WRITE, sync_id, *low_high(value))

    def wait_syncs(self, pairs, any_of=False, timeout=INFINITE):
        """SYNC_WAIT; returns the descriptor."""
        values = [int(any_of), timeout]
        for sync_id, value in pairs:
            values += [sync_id, *low_high(value)]
        self.request(SYNC_WAIT, *values)
        assert self.receive_words(2) == (0, SYNC_WAIT)
        return self.receive_fd()

    def request_blob(self, size, blob_id=0, flags=MAPPABLE):
        self.request(RESOURCE_CREATE_BLOB, HOST3D, flags, *low_high(size), *low_high(blob_id))

    def receive_blob(self):
        """(resource id, descriptor)"""
        length, answer, resource = self.receive_words(3)
        assert (length, answer) == (1, RESOURCE_CREATE_BLOB)
        return resource, self.receive_fd()

    def create_memory(self, size=4096):
        """(resource id, mapping of it)"""
        self.request_blob(size)
        resource, fd = self.receive_blob()
        memory = mmap.mmap(fd, size)
        os.close(fd)
        return resource, memory


def get_word(memory, offset):
    return struct.unpack_from("<I", memory, offset)[0]


def set_word(memory, offset, value):
    struct.pack_into("<I", memory, offset, value)


class VtestCase(unittest.TestCase):
    """One server, and a bystander that must come through whatever the test does."""

    limits = ()

    def setUp(self):
        self.server = Server(*self.limits)
        self.addCleanup(self.server.close)
        self.bystander = Guest(self.server, name="bystander")
        self.addCleanup(self.bystander.close)
        self.sync_of_bystander = self.bystander.create_sync(7)

    def tearDown(self):
        self.check_bystander()
        self.bystander.close()
        self.assertEqual(self.server.stop(), 0, self.server.log())

    def check_bystander(self):
        """It can use everything: what it had, memory, the stream, fences."""
        guest = self.bystander
        self.assertEqual(guest.read_sync(self.sync_of_bystander), 7)
        resource, memory = guest.create_memory()
        done = guest.create_sync()
        guest.send(submit(store_word(resource, 8, 99), [(done, 1)]))
        fd = guest.wait_syncs([(done, 1)])
        self.assertTrue(becomes_readable(fd))
        os.close(fd)
        self.assertEqual(get_word(memory, 8), 99)
        self.assertEqual(guest.read_sync(done), 1)
        guest.request(SYNC_UNREF, done)
        guest.request(RESOURCE_UNREF, resource)
        guest.ping()
        memory.close()

    def guest(self, ready=True, name="test"):
        guest = Guest(self.server, ready, name)
        self.addCleanup(guest.close)
        return guest

    def assert_refused(self, guest, *texts):
        """The connection is closed, and the log says why."""
        self.assertTrue(guest.is_closed())
        for text in texts:
            self.assertIn(text, self.server.log())
