"""Rings that break the rules: the queue is stopped with the reason, everything else lives, and a
driver that begins anew is served."""

import vhost_peer as peer
from vhost_peer import INDIRECT, NEXT, WRITABLE, operation

END = 1 << 20  # of the first region
HIGH_END = (1 << 32) + (1 << 20)


class BrokenRings(peer.VhostCase):
    def setUp(self):
        super().setUp()
        self.prepare()

    def prepare(self, **options):
        self.peer = self.monitor(**options)
        self.queue = self.peer.queues[0]

    def offer(self, head=0):
        self.queue.offer(head)
        self.queue.kick.signal()

    def check(self, text, queue=peer.CONTROL):
        """The queue is stopped with `text`, and works after a reset of the driver."""
        monitor = self.peer
        self.assert_broken(monitor, text, queue)
        ring = monitor.queues[queue]
        used = ring.get_used()
        ring.kick.signal()
        monitor.echo(b"other", queue=1 - queue)
        self.assertEqual(ring.get_used(), used)
        self.restart()

    def restart(self):
        """As a driver that resets the device."""
        for queue in self.peer.queues:
            self.peer.stop_queue(queue)
            queue.clear()
        for queue in self.peer.queues:
            self.peer.start_queue(queue)
            queue.error.take()
        self.peer.echo(b"restarted")
        self.peer.echo(b"restarted", queue=peer.CURSOR)

    def piece(self, size=24, flags=0):
        address = self.queue.allocate(size)
        self.queue.memory.write(address, (operation(peer.ECHO) + bytes(size))[:size])
        return (address, size, flags)

    # ---- indices

    def test_available_index_lies(self):
        for ahead in (17, 1000, 0x8000, 0xFFFF):
            self.queue.set_available(self.queue.next_available + ahead)
            self.queue.kick.signal()
            self.check(f"its available index says {ahead} requests, of 16 that there can be")

    def test_available_index_goes_back(self):
        self.peer.echo(b"one")
        self.peer.echo(b"two")
        self.queue.set_available(1)
        self.queue.kick.signal()
        self.check("its available index says 65535 requests, of 16 that there can be")

    def test_head_outside(self):
        for head in (16, 17, 0xFFFF):
            number = self.queue.next_available
            self.offer(head)
            self.check(f"request {number} begins at descriptor {head} of 16")

    def test_head_twice(self):
        """More requests than descriptors, all parked: one head offered again and again."""
        data = operation(peer.PARK, 1)
        address = self.queue.allocate(64)
        self.queue.memory.write(address, data)
        self.queue.write_chain([(address, len(data), 0)])
        for _ in range(17):
            self.offer(0)
            peer.eventually(lambda: self.queue.get_wanted_kick() == self.queue.next_available, 0.5)
        self.check("more requests are under way than it has descriptors")

    def test_next_outside(self):
        for following in (16, 0xFFFF):
            address, size, _ = self.piece()
            self.queue.write_descriptor(self.queue.descriptors, 0, address, size, NEXT, following)
            self.offer()
            self.check(f"descriptor {following} of a queue with 16")

    # ---- loops

    def test_loops(self):
        for length in (1, 2, 16):
            for index in range(length):
                address, size, _ = self.piece(8)
                self.queue.write_descriptor(self.queue.descriptors, index, address, size, NEXT,
                                            (index + 1) % length)
            self.offer()
            self.check("a chain that is a loop, or longer than a queue of 16")

    def test_indirect_loop(self):
        table = self.queue.allocate(64)
        for index in range(4):
            address, size, _ = self.piece(8)
            self.queue.write_descriptor(table, index, address, size, NEXT, (index + 1) % 4)
        self.queue.write_descriptor(self.queue.descriptors, 0, table, 64, INDIRECT)
        self.offer()
        self.check("a chain that is a loop, or longer than an indirect table of 4")

    # ---- descriptors

    def test_outside(self):
        """Readable and writable, at every edge of both regions."""
        cases = [(END - 10, 11), (END, 1), (END - 1, 0xFFFFFFFF), ((1 << 32) - 1, 1),
                 (HIGH_END - 4, 5), (1 << 63, 8), ((1 << 64) - 4, 4), ((1 << 64) - 4, 8)]
        for flags in (0, WRITABLE):
            for address, size in cases:
                self.queue.write_chain([self.piece(), (address, size, flags)])
                self.offer()
                self.check("descriptor 1 of the chain points outside the guest's memory: "
                           f"{address:#x}, {size} bytes")
            self.end(self.peer)
            self.renew_server()
            self.prepare()

    def test_just_inside(self):
        """The last bytes of a region are usable."""
        for address in (END - 64, HIGH_END - 64):
            head = self.queue.add([self.piece(), (address, 64, WRITABLE)])
            self.queue.kick.signal()
            self.assertEqual(self.peer.wait_used(), [(head, 40)])

    def test_empty(self):
        self.queue.write_chain([self.piece(), (0x8000, 0, WRITABLE)])
        self.offer()
        self.check("descriptor 1 of the chain is empty")

    def test_readable_after_writable(self):
        self.queue.write_chain([self.piece(), self.piece(16, WRITABLE), self.piece()])
        self.offer()
        self.check("descriptor 2 of the chain is readable after a writable one")

    def test_too_many_bytes(self):
        """65 pieces of 1 MiB: more than a request may have."""
        table = self.queue.allocate(16 * 65)
        self.queue.write_chain([(0, 1 << 20, 0)] * 65, table)
        self.queue.write_descriptor(self.queue.descriptors, 0, table, 16 * 65, INDIRECT)
        self.offer()
        self.check("the request has more than 67108864 bytes")

    # ---- indirect tables

    def offer_table(self, address, size, flags=INDIRECT):
        self.queue.write_descriptor(self.queue.descriptors, 0, address, size, flags, 1)
        self.offer()

    def test_table_sizes(self):
        for size in (0, 1, 15, 17, 24, 16 * 32769, 0xFFFFFFF0):
            self.offer_table(0x8000, size)
            self.check(f"an indirect table of {size} bytes")

    def test_table_outside(self):
        for address, size in ((END - 16, 32), (END, 16), (1 << 63, 16), ((1 << 64) - 16, 32)):
            self.offer_table(address, size)
            self.check("an indirect table outside the guest's memory: "
                       f"{address:#x}, {size} bytes")

    def test_table_not_aligned(self):
        self.offer_table(0x8004, 32)
        self.check("an indirect table that is not aligned: 0x8004")

    def test_table_and_next(self):
        self.offer_table(0x8000, 32, INDIRECT | NEXT)
        self.check("an indirect descriptor with another one behind it")

    def test_table_inside_table(self):
        table = self.queue.allocate(32)
        self.queue.write_chain([self.piece(), (0x8000, 32, INDIRECT)], table)
        self.offer_table(table, 32)
        self.check("an indirect table inside an indirect table")

    def test_next_outside_table(self):
        table = self.queue.allocate(32)
        address, size, _ = self.piece()
        self.queue.write_descriptor(table, 0, address, size, NEXT, 2)
        self.offer_table(table, 32)
        self.check("descriptor 2 of an indirect table with 2")

    def test_not_negotiated(self):
        self.end(self.peer)
        self.prepare(features=peer.FEATURES & ~peer.INDIRECT_DESC)
        table = self.queue.allocate(16)
        self.queue.write_chain([self.piece()], table)
        self.offer_table(table, 16)
        self.check("an indirect descriptor, which has not been negotiated")

    # ---- what goes on

    def test_cursor_queue(self):
        queue = self.peer.queues[peer.CURSOR]
        queue.offer(99)
        queue.kick.signal()
        self.check("request 0 begins at descriptor 99 of 16", peer.CURSOR)

    def test_requests_before_are_answered(self):
        """What was good before the bad one in the same batch is answered; what was parked is not:
        the queue is stopped."""
        request = self.queue.add_request(operation(peer.ECHO), 48)
        self.queue.offer(99)
        self.queue.kick.signal()
        self.assertEqual(self.peer.wait_used(), [(request.head, 40)])
        self.check("request 1 begins at descriptor 99 of 16")

    def test_late_answers_are_dropped(self):
        """Of a queue that has been broken, or started anew."""
        self.peer.begin(operation(peer.PARK, 1), 48)
        self.queue.offer(99)
        self.queue.kick.signal()
        self.assert_broken(self.peer, "request 1 begins at descriptor 99 of 16")
        self.peer.run(operation(peer.RELEASE, 1), 8, peer.CURSOR)
        self.assertEqual(self.queue.get_used(), 0)
        self.restart()


if __name__ == "__main__":
    peer.main()
