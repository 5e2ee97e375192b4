#!/usr/bin/env python3
"""The input device's server: configuration space, events, LEDs, hostile guests and monitors."""

import struct
import unittest

import vhost_peer as peer
from vhost_guest import WRITABLE, Memory, Queue, Region, u64
from wire_test import ServerProcess, becomes_readable, eventually, main

EVENT, STATUS = 0, 1
SYN, KEY, REL, ABS, LED, REP = 0, 1, 2, 3, 0x11, 0x14
CONFIG_SIZE = 136
# Not yet compared with QEMU's.
PROTOCOL = 0x12209
# A small event queue, as QEMU's device has it: what does not fit shows.
RING = 4


class InputServer(ServerProcess):
    def __init__(self, kind):
        super().__init__("vhost-input-", kind)
        self.events = open(self.path + ".events", "w", buffering=1, encoding="ascii")
        self.sent = 0

    def send(self, *events, result=0):
        """One group; returns when the device has it."""
        before = self.log().count("\nsent ")
        self.events.write("send " + " ".join(str(n) for event in events for n in event) + "\n")
        assert eventually(lambda: self.log().count("\nsent ") > before), self.log()
        answers = [line for line in self.log().splitlines() if line.startswith("sent ")]
        assert answers[-1] == f"sent {result}", answers[-1]

    def release(self):
        before = self.log().count("\nreleased")
        self.events.write("release\n")
        assert eventually(lambda: self.log().count("\nreleased") > before)

    def say(self):
        before = self.log().count("\ngroups=")
        self.events.write("say\n")
        assert eventually(lambda: self.log().count("\ngroups=") > before
                          and self.log().endswith(".\n"))
        line = [line for line in self.log().splitlines() if line.startswith("groups=")][-1]
        return {k: int(v) for k, v in (part.split("=") for part in line.rstrip(".").split())}

    def close(self):
        self.events.close()
        super().close()


class InputMonitor(peer.Monitor):
    """A monitor with a driver that gives its buffers one by one."""

    def __init__(self, server, size=RING, **options):
        super().__init__(server, ready=False, memory=Memory(Region(0, 1 << 20)),
                         features=peer.FEATURES & ~0x3F, size=size, **options)
        self.ask_u64(peer.GET_FEATURES)
        self.message(peer.SET_PROTOCOL_FEATURES, u64(PROTOCOL))
        self.must(peer.SET_FEATURES, u64(self.features))

    def start(self):
        self.set_memory()
        for index, address in ((EVENT, 0x1000), (STATUS, 0x40000)):
            queue = Queue(self.memory, address, self.queue_size, index, True, self.kind)
            self.queues.append(queue)
            self.start_queue(queue)
        return self

    def give(self, count=1, size=8):
        ring = self.queues[EVENT]
        for _ in range(count):
            before = ring.next_available
            ring.add([(ring.allocate(size), size, WRITABLE)])
            ring.kick_if_wanted(before)

    def events(self, count):
        """The next `count` events, for which there are no buffers yet."""
        ring = self.queues[EVENT]
        got = []
        while len(got) < count:
            places = {}
            for _ in range(min(len(ring.free), count - len(got))):
                before = ring.next_available
                address = ring.allocate(8)
                places[ring.add([(address, 8, WRITABLE)])] = address
                ring.kick_if_wanted(before)
            wanted = len(got) + len(places)

            def done():
                for head, size in ring.take_used():
                    assert size == 8, size
                    data = self.memory.read(places[head], 8)
                    got.append(struct.unpack("<HHi", data))
                return len(got) >= wanted
            assert eventually(done), (got, self.server.log())
            ring.heap = ring.heap_start
        return got

    def status(self, data):
        self.begin(data, 0, STATUS)
        self.wait_used(1, STATUS)

    def select(self, select, subsel=0):
        """Writes all of the configuration space, then reads all of it."""
        config = struct.pack("=III", 0, CONFIG_SIZE, 0)
        self.must(peer.SET_CONFIG, config + bytes([select, subsel]) + bytes(CONFIG_SIZE - 2))
        reply = self.ask(peer.GET_CONFIG, config + bytes(CONFIG_SIZE))[12:]
        assert reply[:2] == bytes([select, subsel]) and len(reply) == CONFIG_SIZE
        size = reply[2]
        assert reply[8 + size:] == bytes(CONFIG_SIZE - 8 - size)
        return reply[8:8 + size]


def bits(data):
    return {8 * i + j for i, byte in enumerate(data) for j in range(8) if byte >> j & 1}


class InputCase(unittest.TestCase):
    kind = "keyboard"

    def setUp(self):
        self.server = InputServer(self.kind)
        self.addCleanup(self.server.close)

    def tearDown(self):
        """Whatever happened, the next monitor is served, and the end is in order."""
        monitor = self.monitor(start=False)
        self.assertEqual(monitor.select(1), f"Vesper {self.title}".encode())
        monitor.close()
        self.assertEqual(self.server.stop(), 0, self.server.log())

    title = "Keyboard"

    def monitor(self, start=True, **options):
        self.close_monitor()
        self.last = InputMonitor(self.server, **options)
        self.addCleanup(self.close_monitor)
        return self.last.start() if start else self.last

    last = None

    def close_monitor(self):
        if self.last:
            self.last.close()
            self.last = None


class Keyboard(InputCase):
    def test_config(self):
        monitor = self.monitor(start=False)
        self.assertEqual(monitor.select(1), b"Vesper Keyboard")
        self.assertEqual(monitor.select(2), b"vesper-keyboard")
        self.assertEqual(monitor.select(3), struct.pack("<4H", 6, 0x5650, 1, 1))
        keys = bits(monitor.select(0x11, KEY))
        self.assertTrue(set(range(1, 84)) - {84} <= keys, set(range(1, 84)) - keys)
        self.assertTrue({87, 88, 96, 97, 98, 99, 100, *range(102, 112), 119, 125, 126, 127,
                         *range(183, 195)} <= keys)
        self.assertEqual(bits(monitor.select(0x11, LED)), {0, 1, 2})
        self.assertEqual(bits(monitor.select(0x11, REP)), {0, 1})
        for select, subsel in ((0, 0), (1, 1), (0x10, 0), (0x11, REL), (0x11, ABS), (0x12, 0),
                               (0xff, 0xff)):
            self.assertEqual(monitor.select(select, subsel), b"")

    def test_keys(self):
        monitor = self.monitor()
        self.server.send((KEY, 30, 1))
        self.server.send((KEY, 30, 1))  # pressed already
        self.server.send((KEY, 48, 0))  # not pressed
        self.server.send((KEY, 30, 0))
        self.assertEqual(monitor.events(4), [(KEY, 30, 1), (SYN, 0, 0), (KEY, 30, 0), (SYN, 0, 0)])
        for wrong in ((KEY, 0x110, 1), (KEY, 30, 2), (REL, 0, 1), (SYN, 0, 0), (KEY, 0xffff, 1)):
            self.server.send((KEY, 31, 1), wrong, result=-22)
        self.server.send((KEY, 32, 1), (KEY, 42, 1))
        self.server.release()
        self.assertEqual(monitor.events(6), [(KEY, 32, 1), (KEY, 42, 1), (SYN, 0, 0),
                                             (KEY, 32, 0), (KEY, 42, 0), (SYN, 0, 0)])

    def test_without_a_driver(self):
        self.server.send((KEY, 30, 1), result=-107)
        monitor = self.monitor()
        self.server.send((KEY, 31, 1))
        self.assertEqual(monitor.events(2), [(KEY, 31, 1), (SYN, 0, 0)])

    def test_guest_that_takes_nothing(self):
        """Groups are dropped whole and counted; then the guest is told what is so by now."""
        monitor = self.monitor()
        for i in range(512):
            self.server.send((KEY, 30, 1 - i % 2))
        self.server.send((KEY, 30, 1), result=-105)
        self.server.send((KEY, 31, 1), result=-105)
        self.server.send((KEY, 30, 0), result=-105)
        self.assertEqual(monitor.events(1024),
                         [e for i in range(512) for e in ((KEY, 30, 1 - i % 2), (SYN, 0, 0))])
        self.assertEqual(monitor.events(2), [(KEY, 31, 1), (SYN, 0, 0)])
        self.server.send((KEY, 31, 0))
        self.assertEqual(monitor.events(2), [(KEY, 31, 0), (SYN, 0, 0)])
        self.assertEqual(self.server.say(), {"groups": 513, "dropped": 3, "resyncs": 1, "leds": 0})

    def test_leds(self):
        monitor = self.monitor()
        monitor.status(struct.pack("<HHi", LED, 1, 1))
        monitor.status(struct.pack("<HHi", LED, 0, 1))
        monitor.status(struct.pack("<HHi", SYN, 0, 0))
        self.assertEqual(self.server.say()["leds"], 3)
        monitor.status(struct.pack("<HHi", LED, 1, 0))
        self.assertEqual(self.server.say()["leds"], 1)
        for data in (struct.pack("<HHi", LED, 0xffff, 1), struct.pack("<HHi", KEY, 1, 1)):
            monitor.status(data)
            self.server.wait_for_log("is not for this device")
        monitor.status(b"short")
        self.server.wait_for_log("an event of 5 bytes, expected 8")
        self.assertEqual(self.server.say()["leds"], 1)

    def test_pause(self):
        """Events of a pause come after it; a new driver hears of none."""
        monitor = self.monitor()
        self.server.send((KEY, 30, 1))
        monitor.events(2)
        queue = monitor.queues[EVENT]
        base = monitor.stop_queue(queue)
        self.assertEqual(base, 2)
        self.server.send((KEY, 31, 1))
        monitor.start_queue(queue, base)
        self.assertEqual(monitor.events(2), [(KEY, 31, 1), (SYN, 0, 0)])
        monitor.stop_queue(queue)
        self.server.send((KEY, 32, 1))
        queue.clear()
        monitor.start_queue(queue)
        self.server.send((KEY, 33, 1))
        self.assertEqual(monitor.events(2), [(KEY, 33, 1), (SYN, 0, 0)])

    def test_small_buffers(self):
        monitor = self.monitor()
        monitor.give(2, 7)
        self.server.send((KEY, 30, 1))
        self.server.wait_for_log("a buffer of 7 bytes, expected 8", 2)
        self.assertEqual(monitor.wait_used(2), [(0, 0), (1, 0)])
        self.assertEqual(monitor.events(2), [(KEY, 30, 1), (SYN, 0, 0)])

    def test_broken_rings(self):
        monitor = self.monitor()
        ring = monitor.queues[EVENT]
        ring.set_available(RING + 1)
        self.server.send((KEY, 30, 1))
        self.server.wait_for_log("the guest's event queue is stopped")
        self.assertTrue(becomes_readable(ring.error.read_fd))
        monitor.status(struct.pack("<HHi", LED, 1, 1))
        ring = monitor.queues[STATUS]
        ring.add([(1 << 40, 8, 0)])
        ring.kick.signal()
        self.server.wait_for_log("the guest's status queue is stopped")

    def test_config_outside(self):
        monitor = self.monitor(start=False)
        for offset, size in ((0, 137), (136, 1), (0xffffffff, 4)):
            payload = struct.pack("=III", offset, size, 0) + bytes(size)
            self.assertEqual(monitor.ask(peer.GET_CONFIG, payload), b"")
            self.assertNotEqual(monitor.do(peer.SET_CONFIG, payload), 0)

    def test_malformed_messages(self):
        for request, payload, text in (
                (200, b"", "request 200 is not known"),
                (peer.GET_SHMEM_CONFIG, b"", "an input device has no such thing"),
                (peer.SET_FEATURES, b"1234", "4 bytes of payload"),
                (peer.SET_VRING_NUM, peer.state(2, 4), "queue 2, of 2"),
                (peer.GET_VRING_BASE, peer.state(9, 0), "queue 9, of 2"),
                (peer.SET_VRING_KICK, u64(0), "no descriptor came with it"),
                (peer.GET_CONFIG, struct.pack("=III", 0, 8, 0) + bytes(9), "has room for 9")):
            monitor = self.monitor(start=False)
            monitor.message(request, payload)
            self.assertTrue(monitor.is_closed(), text)
            self.server.wait_for_log(text)

    def test_no_config_feature(self):
        monitor = self.monitor(start=False)
        monitor.message(peer.SET_PROTOCOL_FEATURES, u64(PROTOCOL & ~(1 << 9)))
        self.assertTrue(monitor.is_closed())


class Tablet(InputCase):
    kind, title = "tablet", "Tablet"

    def test_config(self):
        monitor = self.monitor(start=False)
        self.assertEqual(bits(monitor.select(0x11, KEY)), set(range(0x110, 0x115)))
        self.assertEqual(bits(monitor.select(0x11, ABS)), {0, 1})
        self.assertEqual(bits(monitor.select(0x11, REL)), {6, 8, 11, 12})
        for axis in (0, 1):
            self.assertEqual(monitor.select(0x12, axis), struct.pack("<5I", 0, 32767, 0, 0, 0))

    def test_events(self):
        monitor = self.monitor()
        self.server.send((ABS, 0, 0), (ABS, 1, 32767))
        self.server.send((ABS, 0, 0), (ABS, 1, 5))
        self.server.send((KEY, 0x110, 1))
        self.server.send((REL, 8, -1), (REL, 11, -120))
        self.assertEqual(monitor.events(10), [
            (ABS, 0, 0), (ABS, 1, 32767), (SYN, 0, 0), (ABS, 1, 5), (SYN, 0, 0),
            (KEY, 0x110, 1), (SYN, 0, 0), (REL, 8, -1), (REL, 11, -120), (SYN, 0, 0)])
        self.server.send((ABS, 0, 32768), result=-22)


class Touch(InputCase):
    kind, title = "touch", "Touch Screen"

    def test_events(self):
        monitor = self.monitor()
        self.assertEqual(bits(monitor.select(0x10)), {1})
        self.assertEqual(monitor.select(0x12, 0x2f), struct.pack("<5I", 0, 9, 0, 0, 0))
        group = [(ABS, 0x2f, 3), (ABS, 0x39, 7), (ABS, 0x35, 100), (ABS, 0x36, 200),
                 (KEY, 0x14a, 1)]
        self.server.send(*group)
        self.server.release()
        self.assertEqual(monitor.events(9), group + [(SYN, 0, 0), (ABS, 0x39, -1),
                                                     (KEY, 0x14a, 0), (SYN, 0, 0)])
        self.server.send((ABS, 0x2f, 10), result=-22)


if __name__ == "__main__":
    main()
