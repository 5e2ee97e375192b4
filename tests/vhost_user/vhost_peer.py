"""A vhost-user front end and a virtio driver, byte by byte, against a server process."""

import array
import os
import socket
import struct
import sys
import time
import unittest

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "wire"))

# pylint: disable=unused-import,wrong-import-position
from vhost_guest import (CONTROL, CURSOR, INDIRECT, KINDS, NEXT, USER_BASE, WRITABLE,  # noqa: E402
                         Memory, Notifier, Queue, Region, shared_file, u64)
from wire_test import (PATIENCE, ServerProcess, becomes_readable, eventually,  # noqa: E402
                       is_readable, main, whole_pages)

GET_FEATURES = 1
SET_FEATURES = 2
SET_OWNER = 3
RESET_OWNER = 4
SET_MEM_TABLE = 5
SET_LOG_BASE = 6
SET_VRING_NUM = 8
SET_VRING_ADDR = 9
SET_VRING_BASE = 10
GET_VRING_BASE = 11
SET_VRING_KICK = 12
SET_VRING_CALL = 13
SET_VRING_ERR = 14
GET_PROTOCOL_FEATURES = 15
SET_PROTOCOL_FEATURES = 16
GET_QUEUE_NUM = 17
SET_VRING_ENABLE = 18
SET_BACKEND_REQ_FD = 21
GET_CONFIG = 24
SET_CONFIG = 25
GET_INFLIGHT_FD = 31
RESET_DEVICE = 34
ADD_MEM_REG = 37
SET_STATUS = 39
GET_STATUS = 40
GET_SHMEM_CONFIG = 44

CONFIG_CHANGE = 2
SHARED_OBJECT_REMOVE = 7
SHMEM_MAP = 9
SHMEM_UNMAP = 10

VERSION = 1
REPLY = 4
NEED_REPLY = 8

# The protocol features that QEMU 11.1 takes of ours, and what the server insists on.
PROTOCOL_FEATURES = 0x412629
NEEDED = {3: "REPLY_ACK", 5: "BACKEND_REQ", 10: "BACKEND_SEND_FD", 22: "SHMEM"}

INDIRECT_DESC = 1 << 28
EVENT_IDX = 1 << 29
PROTOCOL = 1 << 30
VERSION_1 = 1 << 32
FEATURES = VERSION_1 | PROTOCOL | INDIRECT_DESC | EVENT_IDX | 0x3F

# The language of fake_device.h.
ECHO, PARK, RELEASE, LATER, MAP, UNMAP, CONFIG, READ, COUNTS, SLEEP = range(1, 11)
ECHO_HEAD = 16

PAGE = whole_pages(1)  # the server's
HOST_VISIBLE_BYTES = 1 << 30


def operation(opcode, argument=0, a=0, b=0, tail=b""):
    return struct.pack("<IIQQ", opcode, argument, a, b) + tail


def header(request, size, flags=VERSION):
    return struct.pack("=III", request, flags, size)


def state(index, num):
    return struct.pack("=II", index, num)


def hexadecimal(value):
    """As C's %#x."""
    return f"{value:#x}" if value else "0"


class Server(ServerProcess):
    """The vhost-user server in front of fake_device.c."""

    def __init__(self, program=None):
        super().__init__("vhost-", program=program)

    def descriptors(self):
        """Number of open descriptors, and of threads."""
        folder = f"/proc/{self.process.pid}"
        if not os.path.isdir("/proc/self/fd"):
            raise unittest.SkipTest("this system does not show a process's descriptors")
        return len(os.listdir(f"{folder}/fd")), len(os.listdir(f"{folder}/task"))

    def mappings(self):
        """Lines of the process's memory map that name shared memory of the tests."""
        with open(f"/proc/{self.process.pid}/maps", encoding="utf-8") as lines:
            return sum("guest-memory" in line for line in lines)

    def wake_ups(self):
        """How often its threads have been scheduled."""
        total = 0
        folder = f"/proc/{self.process.pid}/task"
        if not os.path.isdir(folder):
            raise unittest.SkipTest("this system does not count wake-ups")
        for task in os.listdir(folder):
            with open(f"{folder}/{task}/status", encoding="ascii") as lines:
                total += sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)
        return total


# ---- the monitor ----------------------------------------------------------------------------


class Monitor:
    def __init__(self, server, ready=True, memory=None, features=FEATURES, size=16,
                 kind=KINDS[0], channel=True):
        """`ready`: both queues run."""
        self.server = server
        self.features, self.queue_size, self.kind = features, size, kind
        self.connect()
        self.memory = memory or Memory(Region(0, 1 << 20), Region(1 << 32, 1 << 20, PAGE))
        self.queues = []
        self.channel = None
        if ready:
            self.negotiate(channel)
            self.set_memory()
            self.start_queues()

    def connect(self):
        """Until the server has noticed that the monitor before has gone."""
        deadline = time.monotonic() + PATIENCE
        while True:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(PATIENCE)
            self.socket.connect(self.server.path)
            try:
                self.message(GET_FEATURES)
                self.receive_reply(GET_FEATURES)
                return
            except (EOFError, ConnectionError):
                self.socket.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.002)

    def close(self):
        self.socket.close()
        if self.channel:
            self.channel.close()
        for queue in self.queues:
            queue.close()
        self.queues = []
        self.memory.close()
        self.memory = Memory()

    # ---- messages

    def send(self, data, fds=()):
        if fds:
            self.socket.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                          array.array("i", fds))])
        else:
            self.socket.sendall(data)

    def message(self, request, payload=b"", fds=(), flags=VERSION):
        self.send(header(request, len(payload), flags) + payload, fds)

    def receive(self, size, source=None):
        data = b""
        while len(data) < size:
            part = (source or self.socket).recv(size - len(data))
            if not part:
                raise EOFError(f"closed after {len(data)} of {size} bytes")
            data += part
        return data

    def receive_reply(self, request):
        number, flags, size = struct.unpack("=III", self.receive(12))
        assert (number, flags) == (request, VERSION | REPLY), (number, flags)
        return self.receive(size)

    def ask(self, request, payload=b"", fds=()):
        """A request that has an answer of its own."""
        self.message(request, payload, fds)
        return self.receive_reply(request)

    def ask_u64(self, request, payload=b""):
        return struct.unpack("=Q", self.ask(request, payload))[0]

    def do(self, request, payload=b"", fds=()):
        """A request whose success is answered; returns 0 or not."""
        self.message(request, payload, fds, VERSION | NEED_REPLY)
        return struct.unpack("=Q", self.receive_reply(request))[0]

    def must(self, request, payload=b"", fds=()):
        assert self.do(request, payload, fds) == 0, request

    def is_closed(self):
        """The server ends the connection without another byte."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    # ---- start-up

    def negotiate(self, channel=True):
        """As QEMU begins."""
        self.ask_u64(GET_FEATURES)
        self.ask_u64(GET_PROTOCOL_FEATURES)
        self.message(SET_PROTOCOL_FEATURES, u64(PROTOCOL_FEATURES))
        assert self.ask_u64(GET_QUEUE_NUM) == 2
        if channel:
            self.open_channel()
        self.message(SET_OWNER)
        self.must(SET_FEATURES, u64(self.features))

    def open_channel(self):
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.channel.settimeout(PATIENCE)
        self.must(SET_BACKEND_REQ_FD, fds=[theirs.fileno()])
        theirs.close()

    def table(self, regions=None):
        regions = self.memory.regions if regions is None else regions
        return (struct.pack("=II", len(regions), 0) + b"".join(r.pack() for r in regions),
                [r.fd for r in regions])

    def set_memory(self, regions=None):
        self.must(SET_MEM_TABLE, *self.table(regions))

    def start_queues(self):
        event_idx = bool(self.features & EVENT_IDX)
        for index, address in ((CONTROL, 0x1000), (CURSOR, 0x40000)):
            queue = Queue(self.memory, address, self.queue_size, index, event_idx, self.kind)
            self.queues.append(queue)
            self.start_queue(queue)

    def set_addresses(self, queue, **changes):
        places = {"descriptors": self.memory.user(queue.descriptors),
                  "used": self.memory.user(queue.used),
                  "available": self.memory.user(queue.available)}
        places.update(changes)
        return struct.pack("=IIQQQQ", queue.index, 0, places["descriptors"], places["used"],
                           places["available"], 0)

    def start_queue(self, queue, base=0):
        self.must(SET_VRING_NUM, state(queue.index, queue.size))
        self.must(SET_VRING_BASE, state(queue.index, base))
        self.must(SET_VRING_ADDR, self.set_addresses(queue))
        self.must(SET_VRING_ERR, u64(queue.index), [queue.error.write_fd])
        self.must(SET_VRING_KICK, u64(queue.index), [queue.kick.read_fd])
        self.must(SET_VRING_CALL, u64(queue.index), [queue.call.write_fd])
        self.must(SET_VRING_ENABLE, state(queue.index, 1))

    def stop_queue(self, queue):
        """Returns the index where it stopped."""
        self.must(SET_VRING_ENABLE, state(queue.index, 0))
        index, num = struct.unpack("=II", self.ask(GET_VRING_BASE, state(queue.index, 0)))
        assert index == queue.index
        return num

    # ---- requests through the queues

    def begin(self, data, capacity=64, queue=CONTROL, **layout):
        """Offers a request and kicks."""
        ring = self.queues[queue]
        before = ring.next_available
        request = ring.add_request(data, capacity, **layout)
        ring.kick_if_wanted(before)
        return request

    def wait_used(self, count=1, queue=CONTROL):
        """The next `count` used elements."""
        ring = self.queues[queue]
        taken = []

        def done():
            taken.extend(ring.take_used())
            return len(taken) >= count
        assert eventually(done), self.server.log()
        ring.heap = ring.heap_start if not ring.chains else ring.heap
        return taken

    def run(self, data, capacity=64, queue=CONTROL, **layout):
        """A request from its kick to its call; returns the response."""
        ring = self.queues[queue]
        ring.call.take()
        if ring.event_idx:
            ring.set_wanted_call(ring.next_used)
        request = self.begin(data, capacity, queue, **layout)
        assert becomes_readable(ring.call.read_fd), self.server.log()
        (head, size), = self.wait_used(1, queue)
        assert head == request.head, (head, request.head)
        room = request.room()
        assert room[size:] == b"\xee" * (len(room) - size)
        return room[:size]

    def echo(self, text=b"", capacity=None, queue=CONTROL, **layout):
        """ECHO with `text`; checks all of the response."""
        data = operation(ECHO, tail=text)
        capacity = ECHO_HEAD + len(data) if capacity is None else capacity
        whole = struct.pack("<IIQ", queue, len(data), capacity) + data
        response = self.run(data, capacity, queue, **layout)
        assert response == whole[:capacity], (response, whole)

    def counts(self):
        names = ("resets", "tables", "parked", "features", "mappings")
        return dict(zip(names, struct.unpack("<5Q", self.run(operation(COUNTS)))))

    # ---- the back-end channel

    def receive_request(self):
        """(request, payload, descriptors) of the server's next request."""
        data, fds, _, _ = socket.recv_fds(self.channel, 12, 8)
        request, flags, size = struct.unpack("=III", data)
        assert flags == VERSION | NEED_REPLY, flags
        return request, self.receive(size, self.channel) if size else b"", fds

    def receive_map(self):
        """(offset, size, descriptor); the request that follows each map has been taken, too."""
        result = self.receive_map_alone()
        self.receive_barrier()
        return result

    def receive_map_alone(self):
        request, payload, fds = self.receive_request()
        shmid, file_offset, offset, size, flags = struct.unpack("=B7xQQQQ", payload)
        assert (request, shmid, file_offset, flags, len(fds)) == (SHMEM_MAP, 1, 0, 1, 1)
        return offset, size, fds[0]

    def receive_unmap(self):
        request, payload, fds = self.receive_request()
        shmid, _, offset, size, _ = struct.unpack("=B7xQQQQ", payload)
        assert (request, shmid, fds) == (SHMEM_UNMAP, 1, [])
        return offset, size

    def receive_barrier(self):
        """What the server asks behind a map, to know that all of it has been done."""
        request, payload, fds = self.receive_request()
        assert (request, payload, fds) == (SHARED_OBJECT_REMOVE, bytes(16), []), request

    def answer_map(self, value=0):
        """Both answers, as QEMU gives them: there is no such object to remove."""
        self.answer(SHMEM_MAP, value)
        self.answer(SHARED_OBJECT_REMOVE, 1)

    def answer(self, request, value=0):
        self.channel.sendall(header(request, 8, VERSION | REPLY) + u64(value))


class VhostCase(unittest.TestCase):
    """One server, which serves a next good monitor whatever the test does."""

    def setUp(self):
        self.monitors = []
        self.start_server()

    def start_server(self):
        self.server = Server()
        self.addCleanup(self.server.close)
        self.count_descriptors()

    def count_descriptors(self):
        self.before = None
        if os.path.isdir("/proc/self/fd"):
            # A monitor that has been answered shows that all threads run; it has one descriptor.
            monitor = Monitor(self.server, ready=False)
            descriptors, threads = self.server.descriptors()
            self.before = (descriptors - 1, threads)
            monitor.close()

    def renew_server(self):
        """For more messages of one kind than are logged in a second."""
        self.check_and_stop_server()
        self.start_server()

    def monitor(self, **options):
        monitor = Monitor(self.server, **options)
        self.monitors.append(monitor)
        self.addCleanup(monitor.close)
        return monitor

    def end(self, monitor):
        self.monitors.remove(monitor)
        monitor.close()

    def tearDown(self):
        self.check_and_stop_server()

    def check_and_stop_server(self):
        for monitor in list(self.monitors):
            self.end(monitor)
        self.check_next_monitor()
        if self.before:
            self.assertTrue(eventually(lambda: self.server.descriptors() == self.before),
                            (self.before, self.server.descriptors()))
            self.assertEqual(self.server.mappings(), 0)
        self.assertEqual(self.server.stop(), 0, self.server.log())

    def check_next_monitor(self):
        monitor = self.monitor()
        monitor.echo(b"next")
        monitor.echo(b"cursor", queue=CURSOR)
        self.end(monitor)

    def assert_ended(self, monitor, text):
        """The connection is closed, and the log says why."""
        self.assertTrue(monitor.is_closed())
        self.server.wait_for_log(text)
        self.end(monitor)

    def assert_broken(self, monitor, text, queue=CONTROL):
        """The queue is stopped, and the log and the error descriptor say so; the other one runs."""
        ring = monitor.queues[queue]
        self.server.wait_for_log(f"the guest's {('control', 'cursor')[queue]} queue is stopped: "
                                 + text)
        self.assertTrue(becomes_readable(ring.error.read_fd))
        monitor.echo(b"other", queue=1 - queue)
