"""Queues that stop, drivers that begin anew, machines that pause."""

import struct

import vhost_peer as peer
from vhost_peer import operation, state


class Resets(peer.VhostCase):
    def stop(self, monitor):
        return [monitor.stop_queue(queue) for queue in monitor.queues]

    def start(self, monitor, bases):
        for queue, base in zip(monitor.queues, bases):
            monitor.start_queue(queue, base)

    def restart_driver(self, monitor):
        """As QEMU tells of a driver that resets the device: it does not."""
        self.stop(monitor)
        for queue in monitor.queues:
            queue.clear()
            queue.call.take()
        self.start(monitor, [0, 0])

    def test_base(self):
        """Where a queue stopped: requests that were not taken."""
        monitor = self.monitor()
        for count in range(5):
            monitor.echo(b"%d" % count)
        self.assertEqual(self.stop(monitor), [5, 0])
        queue = monitor.queues[0]
        request = queue.add_request(operation(peer.ECHO), 48)
        queue.kick.signal()
        self.assertFalse(peer.is_readable(queue.call.read_fd) and queue.get_used() > 5)
        self.assertEqual(queue.get_used(), 5)
        self.start(monitor, [5, 0])
        self.assertEqual(monitor.wait_used(), [(request.head, 40)])
        monitor.echo(b"goes on")

    def test_base_of_a_stopped_queue(self):
        monitor = self.monitor(ready=False)
        monitor.negotiate()
        monitor.must(peer.SET_VRING_BASE, state(1, 77))
        self.assertEqual(monitor.ask(peer.GET_VRING_BASE, state(1, 0)), state(1, 77))

    def test_pause(self):
        """The device is as it was; what was under way is answered, also what was finished while
        the machine stood still."""
        monitor = self.monitor()
        monitor.echo(b"before")
        parked = [monitor.begin(operation(peer.PARK, 1), 48),
                  monitor.begin(operation(peer.PARK, 2), 48)]
        monitor.run(operation(peer.CONFIG, 1), queue=peer.CURSOR)
        resets = monitor.counts()["resets"]
        for _ in range(3):
            bases = self.stop(monitor)
            monitor.message(peer.SET_STATUS, peer.u64(0))
            self.start(monitor, bases)
        self.server.wait_for_log("the machine goes on after a pause", 3)
        counts = monitor.counts()
        self.assertEqual((counts["resets"], counts["parked"]), (resets, 2))
        monitor.begin(operation(peer.RELEASE, 2), 8)
        self.assertEqual(monitor.wait_used(2)[0], (parked[1].head, 40))
        monitor.begin(operation(peer.RELEASE, 1), 8)
        self.assertEqual(monitor.wait_used(2)[0], (parked[0].head, 40))

    def test_answers_while_paused(self):
        """The control queue stands still while the cursor queue has its requests answered."""
        monitor = self.monitor()
        monitor.echo(b"before")
        parked = [monitor.begin(operation(peer.PARK, 1, tail=b"%d" % i), 48) for i in range(3)]
        self.assertEqual(monitor.counts()["parked"], 3)
        base = monitor.stop_queue(monitor.queues[0])
        used = monitor.queues[0].get_used()
        monitor.run(operation(peer.RELEASE, 1), 8, peer.CURSOR)
        self.assertEqual(monitor.queues[0].get_used(), used)
        monitor.start_queue(monitor.queues[0], base)
        self.assertEqual(sorted(monitor.wait_used(3)),
                         sorted((request.head, 41) for request in parked))
        for i, request in enumerate(parked):
            self.assertEqual(request.room()[40:41], b"%d" % i)

    def test_driver_begins_anew(self):
        """Without a word of the monitor's: the device forgets everything."""
        monitor = self.monitor()
        monitor.begin(operation(peer.PARK, 1), 48)
        resets = monitor.counts()["resets"]
        self.restart_driver(monitor)
        counts = monitor.counts()
        self.assertEqual((counts["resets"], counts["parked"]), (resets + 1, 0))
        self.assertEqual(counts["features"], peer.FEATURES)
        monitor.echo(b"anew")
        monitor.echo(b"anew", queue=peer.CURSOR)

    def test_late_answers_after_a_reset(self):
        """From another index than that of the stop: what was under way is forgotten."""
        monitor = self.monitor()
        monitor.echo(b"1")
        monitor.begin(operation(peer.PARK, 1), 48)
        monitor.counts()
        self.stop(monitor)
        queue = monitor.queues[0]
        queue.clear()
        queue.memory.write_u16(queue.used + 2, 9)
        queue.memory.write_u16(queue.available + 2, 9)
        queue.next_available = queue.next_used = 9
        self.start(monitor, [9, 0])
        self.assertEqual(monitor.counts()["parked"], 0)
        monitor.echo(b"9")

    def test_other_size(self):
        """A driver that takes a smaller queue at its next start."""
        monitor = self.monitor(size=64)
        for size in (16, 4, 128, 64):
            self.stop(monitor)
            for number, queue in enumerate(monitor.queues):
                address = queue.descriptors
                queue.close()
                monitor.queues[number] = peer.Queue(monitor.memory, address, size, number)
                monitor.queues[number].clear()
                monitor.start_queue(monitor.queues[number])
            monitor.echo(b"%d" % size)
            monitor.echo(b"%d" % size, queue=peer.CURSOR)

    def test_100_restarts(self):
        monitor = self.monitor()
        for count in range(100):
            monitor.begin(operation(peer.PARK, 1), 48)
            monitor.begin(operation(peer.ECHO), 48)
            self.restart_driver(monitor)
            monitor.echo(b"%d" % count)

    def test_reset_device(self):
        """The message stops the queues and resets at once."""
        monitor = self.monitor()
        monitor.echo(b"before")
        monitor.begin(operation(peer.PARK, 1), 48)
        resets = monitor.counts()["resets"]
        monitor.message(peer.SET_STATUS, peer.u64(15))
        monitor.must(peer.RESET_DEVICE)
        self.assertEqual(monitor.ask_u64(peer.GET_STATUS), 0)
        queue = monitor.queues[0]
        used = queue.get_used()
        queue.add_request(operation(peer.ECHO), 48)
        queue.kick.signal()
        self.assertFalse(peer.is_readable(queue.call.read_fd) and queue.get_used() != used)
        for queue in monitor.queues:
            queue.clear()
            monitor.start_queue(queue)
        counts = monitor.counts()
        self.assertEqual((counts["resets"], counts["parked"]), (resets + 2, 0))

    def test_stop_while_busy(self):
        """With a full ring, again and again: each request is answered exactly once."""
        monitor = self.monitor(size=64)
        queue = monitor.queues[0]
        for _ in range(50):
            requests = [queue.add_request(operation(peer.ECHO, tail=b"%d" % i), 64)
                        for i in range(30)]
            queue.kick.signal()
            bases = self.stop(monitor)
            self.start(monitor, bases)
            used = monitor.wait_used(30)
            self.assertEqual([head for head, _ in used], [request.head for request in requests])

    def test_features_change(self):
        """A driver that goes without EVENT_IDX after one that had it (the firmware, say)."""
        monitor = self.monitor()
        monitor.echo(b"with")
        self.stop(monitor)
        monitor.must(peer.SET_FEATURES, peer.u64(peer.FEATURES & ~peer.EVENT_IDX))
        for queue in monitor.queues:
            queue.clear()
            queue.event_idx = False
            monitor.start_queue(queue)
        for count in range(20):
            monitor.echo(b"%d" % count)
        self.assertEqual(struct.unpack("<5Q", monitor.run(operation(peer.COUNTS)))[3],
                         peer.FEATURES & ~peer.EVENT_IDX)


if __name__ == "__main__":
    peer.main()
