"""The guest of a vhost-user monitor: its memory, its notifications, a virtio driver's queues."""

import mmap
import os
import struct
import tempfile

CONTROL, CURSOR = 0, 1

NEXT, WRITABLE, INDIRECT = 1, 2, 4

# Where the monitor has the guest's memory in its own addresses, as far as the server knows.
USER_BASE = 0x7F0000000000


def u64(value):
    return struct.pack("=Q", value)


# ---- memory and wake-ups --------------------------------------------------------------------


def shared_file(size):
    """A descriptor of shared memory."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("guest-memory", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, size)
    return fd


class Region:
    """Guest memory: `size` bytes at the guest's address, from `offset` of a file on."""

    def __init__(self, guest, size, offset=0, user=None, fd=None):
        self.guest, self.size, self.offset = guest, size, offset
        self.user = USER_BASE + guest if user is None else user
        self.fd = shared_file(offset + size) if fd is None else os.dup(fd)
        self.file = mmap.mmap(self.fd, offset + size)

    def pack(self):
        return struct.pack("=QQQQ", self.guest, self.size, self.user, self.offset)

    def holds(self, address, size):
        return self.guest <= address and address + size <= self.guest + self.size

    def close(self):
        os.close(self.fd)
        self.file.close()


class Memory:
    """Regions, addressed as the guest does."""

    def __init__(self, *regions):
        self.regions = list(regions)

    def find(self, address, size):
        for region in self.regions:
            if region.holds(address, size):
                return region.file, region.offset + address - region.guest
        raise IndexError(hex(address))

    def user(self, address):
        for region in self.regions:
            if region.holds(address, 1):
                return region.user + address - region.guest
        raise IndexError(hex(address))

    def read(self, address, size):
        file, at = self.find(address, size)
        return file[at:at + size]

    def write(self, address, data):
        file, at = self.find(address, len(data))
        file[at:at + len(data)] = data

    def read_u16(self, address):
        return struct.unpack("<H", self.read(address, 2))[0]

    def write_u16(self, address, value):
        self.write(address, struct.pack("<H", value & 0xFFFF))

    def close(self):
        for region in self.regions:
            region.close()


class Notifier:
    """An eventfd, or a pipe: what is written to `write_fd` is read from `read_fd`."""

    def __init__(self, kind):
        if kind == "eventfd":
            self.read_fd = self.write_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        else:
            self.read_fd, self.write_fd = os.pipe()
            os.set_blocking(self.read_fd, False)
            os.set_blocking(self.write_fd, False)

    def signal(self):
        try:
            os.write(self.write_fd, u64(1))
        except BlockingIOError:
            pass

    def take(self):
        """How many writes were taken (an eventfd counts them)."""
        try:
            data = os.read(self.read_fd, 4096)
        except BlockingIOError:
            return 0
        return sum(struct.unpack(f"={len(data) // 8}Q", data))

    def close(self):
        os.close(self.read_fd)
        if self.write_fd != self.read_fd:
            os.close(self.write_fd)


KINDS = ["eventfd", "pipe"] if hasattr(os, "eventfd") else ["pipe"]


# ---- the driver's side of a queue -----------------------------------------------------------


class Queue:
    """A split virtqueue in guest memory: descriptors, rings, and a heap of buffers behind."""

    def __init__(self, memory, address, size=16, index=CONTROL, event_idx=True, kind=KINDS[0]):
        self.memory, self.size, self.index, self.event_idx = memory, size, index, event_idx
        self.descriptors = address
        self.available = address + 16 * size
        self.used = (self.available + 6 + 2 * size + 3) & ~3
        self.heap = (self.used + 6 + 8 * size + 15) & ~15
        self.heap_start = self.heap
        self.next_available = self.next_used = 0
        self.free = list(range(size))
        self.chains = {}
        self.kick, self.call, self.error = Notifier(kind), Notifier(kind), Notifier(kind)

    def close(self):
        for notifier in (self.kick, self.call, self.error):
            notifier.close()

    def clear(self):
        """As a driver leaves it before it starts the queue."""
        self.memory.write(self.descriptors, bytes(self.heap_start - self.descriptors))
        self.next_available = self.next_used = 0
        self.free = list(range(self.size))
        self.chains = {}

    def allocate(self, size):
        address = self.heap
        self.heap = (self.heap + size + 15) & ~15
        return address

    # ---- rings, as they lie in memory

    def write_descriptor(self, table, index, address, size, flags=0, following=0):
        self.memory.write(table + 16 * index, struct.pack("<QIHH", address, size, flags, following))

    def set_available(self, index):
        self.memory.write_u16(self.available + 2, index)

    def get_used(self):
        return self.memory.read_u16(self.used + 2)

    def get_wanted_kick(self):
        """avail_event: the server asks for a kick at this index."""
        return self.memory.read_u16(self.used + 4 + 8 * self.size)

    def set_wanted_call(self, index):
        """used_event: we ask for a call at this index."""
        self.memory.write_u16(self.available + 4 + 2 * self.size, index)

    def set_no_interrupt(self, on):
        self.memory.write_u16(self.available, int(on))

    # ---- requests

    def write_chain(self, pieces, table=None, indices=None):
        """Descriptors for pieces (address, size, flags); returns the first one's index."""
        table = self.descriptors if table is None else table
        indices = list(range(len(pieces))) if indices is None else indices
        for at, (address, size, flags) in enumerate(pieces):
            last = at + 1 == len(pieces)
            self.write_descriptor(table, indices[at], address, size,
                                  flags | (0 if last else NEXT), 0 if last else indices[at + 1])
        return indices[0]

    def offer(self, head):
        """Makes the chain available, and says so if the server wants to know."""
        place = self.next_available % self.size
        self.memory.write_u16(self.available + 4 + 2 * place, head)
        self.next_available = (self.next_available + 1) & 0xFFFF
        self.set_available(self.next_available)

    def kick_if_wanted(self, before):
        """Rules of EVENT_IDX; `before`: the available index of the last kick."""
        if self.event_idx:
            event = self.get_wanted_kick()
            new = self.next_available
            if (new - event - 1) & 0xFFFF >= (new - before) & 0xFFFF:
                return False
        self.kick.signal()
        return True

    def add(self, pieces, indirect=False):
        """Offers a chain of pieces (address, size, flags); returns its head."""
        if indirect:
            table = self.allocate(16 * len(pieces))
            self.write_chain(pieces, table)
            pieces = [(table, 16 * len(pieces), INDIRECT)]
        indices = [self.free.pop(0) for _ in pieces]
        head = self.write_chain(pieces, indices=indices)
        self.chains[head] = indices
        self.offer(head)
        return head

    def add_request(self, data, capacity, cuts=(), room_cuts=(), indirect=False):
        """A request in pieces that end at `cuts`, its answer in pieces that end at `room_cuts`."""
        pieces = []
        for flags, size, ends in ((0, len(data), cuts), (WRITABLE, capacity, room_cuts)):
            at = 0
            for end in [*ends, size]:
                if end > at:
                    pieces.append((self.allocate(end - at), end - at, flags))
                    at = end
        at = 0
        for address, size, flags in pieces:
            if flags & WRITABLE:
                self.memory.write(address, b"\xee" * size)
            else:
                self.memory.write(address, data[at:at + size])
                at += size
        return Request(self, self.add(pieces, indirect), pieces)

    def take_used(self):
        """Used elements (head, size) that have come since the last call."""
        taken = []
        while self.next_used != self.get_used():
            place = self.next_used % self.size
            head, size = struct.unpack("<II", self.memory.read(self.used + 4 + 8 * place, 8))
            self.next_used = (self.next_used + 1) & 0xFFFF
            self.free += self.chains.pop(head)
            taken.append((head, size))
        return taken


class Request:
    def __init__(self, queue, head, pieces):
        self.queue, self.head, self.pieces = queue, head, pieces

    def room(self):
        """All bytes of the writable pieces."""
        return b"".join(self.queue.memory.read(address, size)
                        for address, size, flags in self.pieces if flags & WRITABLE)
