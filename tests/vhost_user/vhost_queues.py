"""Queues as drivers use them: chains of every shape, notifications, many requests under way."""

import struct
import time

import vhost_peer as peer
from vhost_peer import operation, state

WITHOUT_EVENT_IDX = peer.FEATURES & ~peer.EVENT_IDX


class Chains(peer.VhostCase):
    def check_layouts(self, monitor, indirect):
        """All ways to cut a request and its answer into two, and some with more pieces."""
        text = bytes(range(40))
        size = 24 + len(text)
        capacity = peer.ECHO_HEAD + size
        for cut in range(1, size, 3):
            monitor.echo(text, cuts=[cut], room_cuts=[cut], indirect=indirect)
        monitor.echo(text, cuts=[1, 2, 3, 30], room_cuts=[1, 15, 17, 18], indirect=indirect)
        for room in (0, 1, 15, 16, 17, capacity - 1, capacity, capacity + 1, capacity + 100):
            monitor.echo(text, room, room_cuts=[room // 2], indirect=indirect)

    def test_direct(self):
        self.check_layouts(self.monitor(), False)

    def test_indirect(self):
        self.check_layouts(self.monitor(), True)

    def test_cursor_queue(self):
        monitor = self.monitor()
        for count in range(40):
            monitor.echo(b"%d" % count, queue=peer.CURSOR, indirect=count % 2 == 0)

    def test_longest_direct(self):
        """As many descriptors as the queue has."""
        monitor = self.monitor()
        monitor.echo(bytes(40), cuts=range(1, 9), room_cuts=range(1, 7))

    def test_long_indirect(self):
        """Linux does not keep to the queue's size in an indirect table."""
        monitor = self.monitor()
        text = bytes(range(256)) * 8
        monitor.echo(text, cuts=range(1, 1000), room_cuts=range(1, 500), indirect=True)

    def test_indirect_behind_direct(self):
        """Descriptors of the queue's table, then one that names an indirect table."""
        monitor = self.monitor()
        queue = monitor.queues[0]
        data, table = operation(peer.ECHO, tail=b"abcdef"), queue.allocate(48)
        places = [queue.allocate(64) for _ in range(3)]
        queue.memory.write(places[0], data[:10])
        queue.memory.write(places[1], data[10:])
        queue.write_chain([(places[1], len(data) - 10, 0), (places[2], 64, peer.WRITABLE)], table)
        queue.add([(places[0], 10, 0), (table, 32, peer.INDIRECT)])
        queue.kick.signal()
        self.assertEqual(monitor.wait_used(), [(0, peer.ECHO_HEAD + len(data))])
        self.assertEqual(queue.memory.read(places[2] + 16, len(data)), data)

    def test_chain_in_any_order(self):
        """Descriptors of a chain need not follow one another."""
        monitor = self.monitor()
        queue = monitor.queues[0]
        queue.free = [7, 2, 15, 0, 9, 4, 1, 3, 5, 6, 8, 10, 11, 12, 13, 14]
        monitor.echo(b"scattered", cuts=[3, 9], room_cuts=[2, 20])
        monitor.echo(b"scattered", cuts=[3, 9], room_cuts=[2, 20], indirect=True)

    def test_nothing_to_read(self):
        monitor = self.monitor()
        queue = monitor.queues[0]
        head = queue.add([(queue.allocate(16), 16, peer.WRITABLE)])
        queue.kick.signal()
        self.assertEqual(monitor.wait_used(), [(head, 0)])

    def test_nothing_to_write(self):
        monitor = self.monitor()
        self.assertEqual(monitor.run(operation(peer.ECHO), 0), b"")

    def test_across_regions_that_touch(self):
        """One buffer, two regions of the table; and one that ends where the first one ends."""
        memory = peer.Memory(peer.Region(0, 1 << 20),
                             peer.Region(1 << 20, 1 << 20, user=peer.USER_BASE * 2))
        monitor = self.monitor(memory=memory)
        queue = monitor.queues[0]
        border = 1 << 20
        data = operation(peer.ECHO, tail=b"x" * 100)
        queue.memory.write(border - 60, data[:60])
        queue.memory.write(border, data[60:])
        answer = border - 1000
        head = queue.add([(border - 60, len(data), 0), (answer, 200, peer.WRITABLE)])
        queue.kick.signal()
        self.assertEqual(monitor.wait_used(), [(head, 16 + len(data))])
        self.assertEqual(queue.memory.read(answer + 16, len(data)), data)
        queue.memory.write(answer, data)
        head = queue.add([(answer, len(data), 0), (border - 50, 200, peer.WRITABLE)])
        queue.kick.signal()
        self.assertEqual(monitor.wait_used(), [(head, 16 + len(data))])
        whole = queue.memory.read(border - 50, 50) + queue.memory.read(border, 150)
        self.assertEqual(whole[16:16 + len(data)], data)

    def test_above_4_gib(self):
        monitor = self.monitor()
        monitor.queues[0].heap = monitor.queues[0].heap_start = (1 << 32) + 0x100
        monitor.echo(b"high", cuts=[5])
        monitor.echo(b"high", cuts=[5], indirect=True)

    def test_large_request(self):
        memory = peer.Memory(peer.Region(0, 64 << 20))
        monitor = self.monitor(memory=memory)
        text = bytes(range(256)) * 40960  # 10 MiB
        monitor.echo(text, cuts=range(4096, len(text), 4096), room_cuts=[1 << 20], indirect=True)

    def test_sizes_of_queues(self):
        memory = peer.Memory(peer.Region(0, 4 << 20))
        for size in (1, 2, 256, 1024, 32768):
            monitor = self.monitor(ready=False, memory=memory, size=size)
            monitor.memory = peer.Memory(peer.Region(0, 4 << 20))
            monitor.negotiate()
            monitor.set_memory()
            queue = peer.Queue(monitor.memory, 0x1000, size)
            monitor.queues.append(queue)
            monitor.start_queue(queue)
            for count in range(5):
                monitor.echo(b"%d" % count, indirect=True)
            self.end(monitor)
        memory.close()

    def test_index_wraps(self):
        """More requests than 16 bits count."""
        monitor = self.monitor(ready=False)
        monitor.negotiate()
        monitor.set_memory()
        for index, address in ((peer.CONTROL, 0x1000), (peer.CURSOR, 0x40000)):
            queue = peer.Queue(monitor.memory, address, 16, index)
            monitor.queues.append(queue)
            for ring in (queue.available, queue.used):
                queue.memory.write_u16(ring + 2, 0xFFF0)
            queue.next_available = queue.next_used = 0xFFF0
            monitor.start_queue(queue, 0xFFF0)
        for count in range(40):
            monitor.echo(b"%d" % count)
            monitor.echo(b"%d" % count, queue=peer.CURSOR)


class UnderWay(peer.VhostCase):
    """Requests that are answered later, and in another order."""

    def test_other_order(self):
        monitor = self.monitor()
        first = [monitor.begin(operation(peer.PARK, 1, tail=b"%d" % i), 64) for i in range(3)]
        self.assertEqual(monitor.counts()["parked"], 3)
        last = monitor.begin(operation(peer.RELEASE, 1), 8)
        used = monitor.wait_used(4)
        self.assertEqual([head for head, _ in used],
                         [first[2].head, first[1].head, first[0].head, last.head])
        for i, request in enumerate(first):
            self.assertIn(operation(peer.PARK, 1, tail=b"%d" % i), request.room())

    def test_one_does_not_wait_for_another(self):
        monitor = self.monitor()
        parked = monitor.begin(operation(peer.PARK, 1), 64)
        for count in range(30):
            monitor.echo(b"%d" % count)
            monitor.echo(b"%d" % count, queue=peer.CURSOR)
        monitor.begin(operation(peer.RELEASE, 1), 8)
        self.assertEqual(monitor.wait_used(2)[0][0], parked.head)

    def test_by_dispatch(self):
        monitor = self.monitor()
        for count in range(20):
            data = operation(peer.LATER, tail=b"%d" % count)
            self.assertEqual(monitor.run(data, 80)[16:], data)

    def test_full_queue(self):
        """All descriptors under way, then all answered; twice."""
        monitor = self.monitor()
        for _ in range(2):
            heads = [monitor.begin(operation(peer.PARK, 1), 64).head for _ in range(7)]
            last = monitor.begin(operation(peer.RELEASE, 1), 8)
            used = monitor.wait_used(8)
            self.assertEqual(sorted(head for head, _ in used), sorted(heads + [last.head]))

    def test_from_the_other_queue(self):
        """Who releases gets its own answer; the parked go to their own queue."""
        monitor = self.monitor()
        parked = monitor.begin(operation(peer.PARK, 1), 64)
        self.assertEqual(struct.unpack("<Q", monitor.run(operation(peer.RELEASE, 1), 8,
                                                         peer.CURSOR)), (1,))
        self.assertEqual(monitor.wait_used()[0][0], parked.head)

    def test_many(self):
        monitor = self.monitor(size=256)
        for _ in range(20):
            requests = [monitor.begin(operation(peer.ECHO, tail=b"%d" % i), 64) for i in range(100)]
            used = monitor.wait_used(100)
            self.assertEqual([head for head, _ in used], [request.head for request in requests])


class Notifications(peer.VhostCase):
    def offer_batch(self, monitor, count):
        """Several requests before one kick."""
        queue = monitor.queues[0]
        for _ in range(count):
            queue.add_request(operation(peer.ECHO), 48)

    def check_kind(self, kind):
        for features in (peer.FEATURES, WITHOUT_EVENT_IDX):
            monitor = self.monitor(features=features, kind=kind)
            for count in range(20):
                monitor.echo(b"%d" % count)
            monitor.echo(b"", queue=peer.CURSOR)
            self.end(monitor)

    def test_eventfd(self):
        if "eventfd" not in peer.KINDS:
            self.skipTest("this system has no eventfd")
        self.check_kind("eventfd")

    def test_pipe(self):
        self.check_kind("pipe")

    def test_one_call_for_a_batch(self):
        """A parked batch is answered at once: one interrupt."""
        for features in (peer.FEATURES, WITHOUT_EVENT_IDX):
            monitor = self.monitor(features=features)
            queue = monitor.queues[0]
            for _ in range(6):
                queue.add_request(operation(peer.PARK, 1), 48)
            queue.kick.signal()
            self.assertEqual(monitor.counts()["parked"], 6)
            queue.call.take()
            queue.set_wanted_call(queue.next_used)
            monitor.run(operation(peer.RELEASE, 1), 8, peer.CURSOR)
            monitor.wait_used(6)
            self.assertTrue(peer.becomes_readable(queue.call.read_fd))
            self.assertEqual(queue.call.take(), 1)
            self.end(monitor)

    def test_no_interrupt_flag(self):
        monitor = self.monitor(features=WITHOUT_EVENT_IDX)
        queue = monitor.queues[0]
        queue.set_no_interrupt(True)
        self.offer_batch(monitor, 3)
        queue.kick.signal()
        monitor.wait_used(3)
        self.assertFalse(peer.is_readable(queue.call.read_fd))
        queue.set_no_interrupt(False)
        monitor.echo(b"again")

    def test_used_event(self):
        """A call when the index that the driver named has been used, and no other."""
        monitor = self.monitor()
        queue = monitor.queues[0]
        queue.set_wanted_call(4)
        for count in range(4):
            self.offer_batch(monitor, 1)
            queue.kick.signal()
            monitor.wait_used(1)
        self.assertFalse(peer.is_readable(queue.call.read_fd))
        self.offer_batch(monitor, 1)
        queue.kick.signal()
        monitor.wait_used(1)
        self.assertTrue(peer.becomes_readable(queue.call.read_fd))
        queue.call.take()
        self.offer_batch(monitor, 1)
        queue.kick.signal()
        monitor.wait_used(1)
        self.assertFalse(peer.is_readable(queue.call.read_fd))

    def test_available_event(self):
        """The server asks for a kick at the index that it reached."""
        monitor = self.monitor()
        queue = monitor.queues[0]
        for count in range(1, 20):
            monitor.echo(b"")
            self.assertTrue(peer.eventually(lambda: queue.get_wanted_kick() == count))

    def test_kick_without_requests(self):
        monitor = self.monitor()
        for _ in range(100):
            monitor.queues[0].kick.signal()
        monitor.echo(b"")
        self.assertFalse(peer.is_readable(monitor.queues[0].call.read_fd) and
                         monitor.queues[0].call.take() > 1)

    def test_idle_costs_nothing(self):
        monitor = self.monitor()
        monitor.begin(operation(peer.PARK, 1), 48)
        monitor.counts()
        time.sleep(0.1)
        before = self.server.wake_ups()
        time.sleep(1)
        self.assertLess(self.server.wake_ups() - before, 20)

    def test_new_call_descriptor(self):
        """As when the guest masks and unmasks its interrupts."""
        monitor = self.monitor()
        queue = monitor.queues[0]
        for count in range(50):
            call = peer.Notifier(peer.KINDS[count % len(peer.KINDS)])
            monitor.must(peer.SET_VRING_CALL, peer.u64(0), [call.write_fd])
            queue.call.close()
            queue.call = call
            monitor.echo(b"%d" % count)

    def test_disabled(self):
        """A queue that is not enabled is not served, and is when it becomes so."""
        monitor = self.monitor()
        monitor.must(peer.SET_VRING_ENABLE, state(0, 0))
        request = monitor.begin(operation(peer.ECHO), 48)
        monitor.echo(b"other", queue=peer.CURSOR)
        self.assertEqual(monitor.queues[0].get_used(), 0)
        monitor.must(peer.SET_VRING_ENABLE, state(0, 1))
        self.assertEqual(monitor.wait_used(), [(request.head, 40)])


if __name__ == "__main__":
    peer.main()
