"""Memory tables: what is refused, and tables that change under running queues."""

import os
import random
import struct
import threading

import vhost_peer as peer
from vhost_peer import operation

MIB = 1 << 20
TOP = 1 << 64


class Refused(peer.VhostCase):
    def setUp(self):
        super().setUp()
        self.peer = self.monitor()
        self.fd = peer.shared_file(MIB)
        self.addCleanup(os.close, self.fd)

    def refuse(self, text, regions, count=None, fds=None, tail=b""):
        """The table is refused with `text`; the one before stays."""
        payload = struct.pack("=II", len(regions) if count is None else count, 0)
        payload += b"".join(struct.pack("=QQQQ", *region) for region in regions) + tail
        fds = [self.fd] * len(regions) if fds is None else fds
        self.assertNotEqual(self.peer.do(peer.SET_MEM_TABLE, payload, fds), 0)
        self.server.wait_for_log("SET_MEM_TABLE: " + text)
        self.peer.echo(b"as before")

    def refuse_region(self, index, region, why, regions):
        self.refuse(f"region {index} (guest address {peer.hexadecimal(region[0])}, size "
                    f"{peer.hexadecimal(region[1])}, monitor's address "
                    f"{peer.hexadecimal(region[2])}, file offset {peer.hexadecimal(region[3])}): "
                    + why, regions)

    def test_counts(self):
        good = (0, MIB, 0, 0)
        self.refuse("9 regions, at most 8 are possible", [good] * 8, count=9)
        self.refuse("4294967295 regions, at most 8 are possible", [good], count=0xFFFFFFFF)
        self.refuse("40 bytes of payload for 2 regions, expected 72", [good], count=2)
        self.refuse("72 bytes of payload for 1 regions, expected 40", [good, good], count=1)
        self.refuse("41 bytes of payload for 1 regions, expected 40", [good], tail=b"x")
        self.refuse("0 descriptors for 1 regions", [good], fds=[])
        self.refuse("2 descriptors for 1 regions", [good], fds=[self.fd] * 2)

    def test_sizes(self):
        good = (0, MIB // 2, MIB * 8, 0)
        empty = "it is empty, or wraps in the monitor's addresses"
        outside = "it is empty, wraps, or is longer than its file"
        for region, why in (
                ((MIB, 0, 0, 0), empty),
                ((MIB, 4096, TOP - 4095, 0), empty),
                ((MIB, TOP - 1, 4096, 0), empty),
                ((TOP - 4095, 4096, 0, 0), outside),
                ((MIB, MIB + 1, 0, 0), outside),
                ((MIB, MIB, 0, 1), outside),
                ((MIB, 4096, 0, MIB), outside),
                ((MIB, 4096, 0, TOP - 4096), outside)):
            self.refuse_region(0, region, why, [region])
        self.renew()
        for region, why in (((MIB, 0, 0, 0), empty), ((MIB, MIB + 1, 0, 0), outside)):
            self.refuse_region(1, region, why, [good, region])

    def renew(self):
        self.end(self.peer)
        self.renew_server()
        self.peer = self.monitor()

    def test_overlaps(self):
        page = 4096
        for other in (0, page, MIB // 2 - page):
            region = (MIB * 4, MIB // 2, other, 0)
            self.refuse_region(1, region, "it overlaps another one in the monitor's addresses",
                               [(0, MIB // 2, 0, 0), region])
        for other in (0, page, MIB // 2 - 1):
            self.refuse("regions overlap in guest addresses",
                        [(0, MIB // 2, 0, 0), (other, MIB // 2, MIB * 4, 0)])
            self.refuse("regions overlap in guest addresses",
                        [(other, MIB // 2, MIB * 4, 0), (0, MIB // 2, 0, 0)])

    def test_kinds_of_descriptors(self):
        read_end, write_end = os.pipe()
        region = (0, 4096, 0, 0)
        for fd in (read_end, write_end):
            self.refuse("region 0 ", [region], fds=[fd])
        os.close(read_end)
        os.close(write_end)

    def test_at_the_top(self):
        """The last byte of the address space is usable."""
        region = peer.Region(TOP - MIB, MIB, user=TOP - MIB)
        memory = self.peer.memory
        memory.regions.append(region)
        self.peer.set_memory()
        region.file[MIB - 8:MIB] = b"the last"
        self.assertEqual(self.peer.run(operation(peer.READ, 0, TOP - 8, 8), 16)[8:], b"the last")

    def test_unaligned_offset(self):
        region = peer.Region(1 << 40, MIB, offset=3 * peer.PAGE + 24)
        region.file[region.offset:region.offset + 5] = b"start"
        self.peer.memory.regions.append(region)
        self.peer.set_memory()
        self.assertEqual(self.peer.run(operation(peer.READ, 0, 1 << 40, 5), 16)[8:13], b"start")

    def test_no_regions(self):
        """The queues have no memory then."""
        self.peer.must(peer.SET_MEM_TABLE, struct.pack("=II", 0, 0))
        self.server.wait_for_log("the guest's control queue is stopped: its rings are no longer in "
                                 "the guest's memory")
        self.server.wait_for_log("the guest's cursor queue is stopped: its rings are no longer")


class Changing(peer.VhostCase):
    def test_eight_regions(self):
        monitor = self.monitor()
        for i in range(6):
            monitor.memory.regions.append(peer.Region((2 + i) << 32, MIB, i * peer.PAGE))
        monitor.set_memory()
        for i in range(6):
            monitor.memory.write((2 + i) << 32, b"%d" % i)
            self.assertEqual(monitor.run(operation(peer.READ, 0, (2 + i) << 32, 1), 9)[8:],
                             b"%d" % i)

    def test_valid_when_acknowledged(self):
        """As soon as a table is acknowledged, a request may lie in its new region: without another
        kick, and while the server looks at the ring all the time."""
        monitor = self.monitor()
        queue = monitor.queues[0]
        fixed = list(monitor.memory.regions)
        for count in range(300):
            region = peer.Region((2 + count) << 32, MIB)
            monitor.memory.regions = fixed + [region]
            monitor.set_memory()
            queue.heap = queue.heap_start = region.guest
            monitor.echo(b"%d" % count, indirect=count % 2 == 0)
            region.close()
        monitor.memory.regions = fixed

    def test_gone_when_acknowledged(self):
        monitor = self.monitor()
        fixed = list(monitor.memory.regions)
        region = peer.Region(2 << 32, MIB)
        monitor.memory.regions = fixed + [region]
        monitor.set_memory()
        self.assertEqual(monitor.run(operation(peer.READ, 0, 2 << 32, 1), 9)[0], 1)
        monitor.memory.regions = fixed
        monitor.set_memory()
        self.assertEqual(monitor.run(operation(peer.READ, 0, 2 << 32, 1), 9)[0], 0)
        self.assertTrue(peer.eventually(lambda: self.server.mappings() <= 2))
        region.close()

    def test_rings_gone(self):
        monitor = self.monitor()
        monitor.set_memory([monitor.memory.regions[1]])
        self.server.wait_for_log("the descriptor table of the control queue "
                                 f"({peer.USER_BASE + 0x1000:#x}, 256 bytes) is not in the guest's "
                                 "shared memory")
        self.server.wait_for_log("the guest's control queue is stopped: its rings are no longer in "
                                 "the guest's memory")
        self.server.wait_for_log("the guest's cursor queue is stopped: its rings are no longer")

    def test_response_gone(self):
        """The buffer of a parked request leaves the table: the descriptor returns, empty."""
        monitor = self.monitor()
        queue = monitor.queues[0]
        fixed = list(monitor.memory.regions)
        region = peer.Region(2 << 32, MIB)
        monitor.memory.regions = fixed + [region]
        monitor.set_memory()
        address = queue.allocate(24)
        queue.memory.write(address, operation(peer.PARK, 1))
        head = queue.add([(address, 24, 0), (region.guest, 64, peer.WRITABLE)])
        queue.kick.signal()
        self.assertEqual(monitor.counts()["parked"], 1)
        monitor.memory.regions = fixed
        monitor.set_memory()
        monitor.run(operation(peer.RELEASE, 1), 8, peer.CURSOR)
        self.assertEqual(monitor.wait_used(), [(head, 0)])
        self.server.wait_for_log("a response on the control queue was cut short: its buffer is no "
                                 "longer in the guest's memory")
        self.assertEqual(bytes(region.file[:64]), bytes(64))
        region.close()

    def test_same_memory_elsewhere(self):
        """The monitor gives all regions other addresses of its own, and the queues with them."""
        monitor = self.monitor()
        for count in range(20):
            for region in monitor.memory.regions:
                region.user = peer.USER_BASE + (count << 36) + region.guest
            self.server.log()
            for queue in monitor.queues:
                monitor.stop_queue(queue)
            monitor.set_memory()
            for queue in monitor.queues:
                monitor.start_queue(queue, queue.next_available)
            monitor.echo(b"%d" % count)

    def test_under_load(self):
        """Thousands of tables while both queues are busy."""
        monitor = self.monitor(size=64)
        fixed = list(monitor.memory.regions)
        stop = threading.Event()
        failures = []

        def drive(queue):
            chance = random.Random(queue)
            try:
                while not stop.is_set():
                    monitor.echo(b"x" * chance.randrange(200), queue=queue,
                                 cuts=[chance.randrange(1, 24)], indirect=chance.random() < 0.5)
            except BaseException as error:  # pylint: disable=broad-except
                failures.append(error)

        threads = [threading.Thread(target=drive, args=(queue,)) for queue in (0, 1)]
        for thread in threads:
            thread.start()
        extra = [peer.Region((2 + i) << 32, MIB) for i in range(6)]
        chance = random.Random(3)
        tables = 0
        while tables < 3000 and not failures:
            regions = fixed + chance.sample(extra, chance.randrange(7))
            chance.shuffle(regions)
            monitor.set_memory(regions)
            tables += 1
        stop.set()
        for thread in threads:
            thread.join()
        for region in extra:
            region.close()
        self.assertEqual(failures, [])
        monitor.set_memory(fixed)
        self.assertTrue(peer.eventually(lambda: self.server.mappings() <= 2))


if __name__ == "__main__":
    peer.main()
