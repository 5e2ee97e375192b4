"""Blobs in the host-visible region: requests on the back-end channel, answers that come late,
wrong or never, and when the guest is told."""

import errno
import os
import socket
import struct
import time

import vhost_peer as peer
from vhost_peer import operation

SIZE = 4 * peer.PAGE
BAR = 1 << 38  # where the guest has the region


class MappingCase(peer.VhostCase):
    def begin_map(self, monitor, offset=0, size=SIZE, word=7):
        return monitor.begin(operation(peer.MAP, word, offset, size), 8)

    def begin_unmap(self, monitor, offset=0, size=SIZE):
        return monitor.begin(operation(peer.UNMAP, 0, offset, size), 8)

    def result(self, monitor, request):
        """The one request under way has been answered: its error."""
        self.assertEqual(monitor.wait_used(), [(request.head, 8)])
        return struct.unpack("<q", request.room())[0]

    def show(self, monitor, offset, size, fd):
        """The table that QEMU sends when the mapping is in the guest's address space."""
        region = peer.Region(BAR + offset, size, fd=fd, user=peer.USER_BASE * 2 + offset)
        monitor.memory.regions.append(region)
        monitor.set_memory()

    def map(self, monitor, offset=0, size=SIZE, word=7):
        """All of it, as QEMU does it."""
        request = self.begin_map(monitor, offset, size, word)
        place, length, fd = monitor.receive_map()
        self.assertEqual((place, length), (offset, size))
        monitor.answer_map()
        self.show(monitor, offset, size, fd)
        os.close(fd)
        self.assertEqual(self.result(monitor, request), 0)

    def hide(self, monitor, offset):
        for region in list(monitor.memory.regions):
            if region.guest == BAR + offset:
                monitor.memory.regions.remove(region)
                region.close()
        monitor.set_memory()

    def unmap(self, monitor, offset=0, size=SIZE):
        request = self.begin_unmap(monitor, offset, size)
        self.assertEqual(monitor.receive_unmap(), (offset, size))
        monitor.answer(peer.SHMEM_UNMAP)
        self.hide(monitor, offset)
        self.assertEqual(self.result(monitor, request), 0)


class Mapping(MappingCase):
    def test_map_and_unmap(self):
        monitor = self.monitor()
        for count in range(5):
            self.map(monitor, SIZE * count, word=count)
            data = monitor.run(operation(peer.READ, 0, BAR + SIZE * count, 4), 12)
            self.assertEqual(data[8:], struct.pack("<I", count))
        self.assertEqual(monitor.counts()["mappings"], 5)
        for count in range(5):
            self.unmap(monitor, SIZE * count)
        self.assertEqual(monitor.counts()["mappings"], 0)

    def test_memory_is_that_of_the_descriptor(self):
        monitor = self.monitor()
        request = self.begin_map(monitor, word=0x12345678)
        _, _, fd = monitor.receive_map()
        self.assertEqual(os.pread(fd, 4, 0), struct.pack("<I", 0x12345678))
        self.assertGreaterEqual(os.fstat(fd).st_size, SIZE)
        os.close(fd)
        monitor.answer_map(1)
        self.assertEqual(self.result(monitor, request), -errno.EIO)

    def test_answered_when_it_has_taken_effect(self):
        """Not when the monitor answers the map: the guest could be faster than the mapping."""
        monitor = self.monitor()
        queue = monitor.queues[0]
        request = self.begin_map(monitor)
        _, _, fd = monitor.receive_map()
        for step in (lambda: monitor.answer(peer.SHMEM_MAP), lambda: self.show(monitor, 0, SIZE, fd)):
            step()
            monitor.echo(b"meanwhile", queue=peer.CURSOR)
            time.sleep(0.1)
            self.assertEqual(queue.get_used(), 0)
        monitor.answer(peer.SHARED_OBJECT_REMOVE, 1)
        self.assertEqual(self.result(monitor, request), 0)
        os.close(fd)

    def test_failure_then_another_at_the_same_place(self):
        """The second answer to the map that failed is not one to the next map."""
        monitor = self.monitor()
        request = self.begin_map(monitor)
        os.close(monitor.receive_map()[2])
        monitor.answer(peer.SHMEM_MAP, 1)
        self.assertEqual(self.result(monitor, request), -errno.EIO)
        request = self.begin_map(monitor)
        os.close(monitor.receive_map()[2])
        used = monitor.queues[0].get_used()
        monitor.answer(peer.SHARED_OBJECT_REMOVE, 1)
        monitor.answer(peer.SHMEM_MAP)
        monitor.echo(b"meanwhile", queue=peer.CURSOR)
        time.sleep(0.1)
        self.assertEqual(monitor.queues[0].get_used(), used)
        monitor.answer(peer.SHARED_OBJECT_REMOVE, 1)
        self.assertEqual(self.result(monitor, request), 0)

    def test_1000_mappings(self):
        monitor = self.monitor()
        for count in range(1000):
            request = self.begin_map(monitor, SIZE * count)
            os.close(monitor.receive_map()[2])
            monitor.answer_map()
            self.assertEqual(self.result(monitor, request), 0)
        self.assertEqual(monitor.counts()["mappings"], 1000)
        for count in reversed(range(1000)):
            request = self.begin_unmap(monitor, SIZE * count)
            self.assertEqual(monitor.receive_unmap(), (SIZE * count, SIZE))
            monitor.answer(peer.SHMEM_UNMAP)
            self.assertEqual(self.result(monitor, request), 0)

    def test_late_answers_hold_up_nobody(self):
        """Many maps under way, requests of both queues between them, answers in order."""
        monitor = self.monitor(size=64)
        requests = [self.begin_map(monitor, SIZE * i) for i in range(20)]
        monitor.run(operation(peer.COUNTS), 40, peer.CURSOR)
        monitor.echo(b"meanwhile", queue=peer.CURSOR)
        monitor.set_memory()
        places = []
        for _ in requests:
            offset, _, fd = monitor.receive_map()
            places.append(offset)
            os.close(fd)
        self.assertEqual(places, [SIZE * i for i in range(20)])
        self.assertEqual(monitor.queues[0].get_used(), 0)
        for i in range(20):
            monitor.answer_map(i % 2)
        monitor.wait_used(20)
        for i, request in enumerate(requests):
            self.assertEqual(struct.unpack("<q", request.room())[0], -errno.EIO if i % 2 else 0)

    def test_refused_without_asking(self):
        monitor = self.monitor()
        self.map(monitor, SIZE, SIZE)
        for offset, size, error in (
                (peer.HOST_VISIBLE_BYTES, SIZE, errno.EINVAL),
                (peer.HOST_VISIBLE_BYTES - SIZE + peer.PAGE, SIZE, errno.EINVAL),
                ((1 << 64) - peer.PAGE, SIZE, errno.EINVAL),
                (SIZE, SIZE, errno.EEXIST), (0, SIZE + peer.PAGE, errno.EEXIST),
                (2 * SIZE - peer.PAGE, SIZE, errno.EEXIST)):
            request = self.begin_map(monitor, offset, size)
            self.assertEqual(self.result(monitor, request), -error, (offset, size))
        for offset, size in ((0, SIZE), (SIZE, SIZE - peer.PAGE), (SIZE + peer.PAGE, SIZE)):
            request = self.begin_unmap(monitor, offset, size)
            self.assertEqual(self.result(monitor, request), -errno.EINVAL, (offset, size))
        self.map(monitor, 0, SIZE)
        self.unmap(monitor, SIZE)

    def test_failing_monitor(self):
        monitor = self.monitor()
        request = self.begin_map(monitor)
        os.close(monitor.receive_map()[2])
        monitor.answer_map(5)
        self.assertEqual(self.result(monitor, request), -errno.EIO)
        self.server.wait_for_log("the monitor failed at BACKEND_SHMEM_MAP (offset 0, "
                                 f"{SIZE:#x} bytes)")
        self.map(monitor)
        request = self.begin_unmap(monitor)
        monitor.receive_unmap()
        monitor.answer(peer.SHMEM_UNMAP, 5)
        self.assertEqual(self.result(monitor, request), -errno.EIO)
        self.server.wait_for_log("the monitor failed at BACKEND_SHMEM_UNMAP")

    def test_reset_forgets(self):
        """A driver that begins anew maps at the same place; what was asked for and not answered is
        taken away first."""
        monitor = self.monitor()
        monitor.echo(b"")
        self.map(monitor, 0)
        self.begin_map(monitor, SIZE)
        os.close(monitor.receive_map()[2])
        for queue in monitor.queues:
            monitor.stop_queue(queue)
            queue.clear()
            queue.call.take()
        self.hide(monitor, 0)
        for queue in monitor.queues:
            monitor.start_queue(queue)
        self.assertEqual(monitor.receive_unmap(), (SIZE, SIZE))
        monitor.answer_map()
        monitor.answer(peer.SHMEM_UNMAP, 1)
        self.map(monitor, 0)
        self.map(monitor, SIZE)
        self.assertEqual(monitor.counts()["mappings"], 2)

    def stop(self, monitor):
        return [monitor.stop_queue(queue) for queue in monitor.queues]

    def test_map_that_crosses_a_reset(self):
        """The monitor carries it out after it has dropped all mappings of the reset."""
        monitor = self.monitor()
        self.begin_map(monitor)
        os.close(monitor.receive_map()[2])
        self.stop(monitor)
        monitor.answer_map()
        for queue in monitor.queues:
            queue.clear()
            queue.call.take()
            monitor.start_queue(queue)
        self.assertEqual(monitor.receive_unmap(), (0, SIZE))
        monitor.answer(peer.SHMEM_UNMAP)
        self.map(monitor)

    def test_map_that_crosses_a_pause(self):
        """It is there afterwards, and the guest is told."""
        monitor = self.monitor()
        monitor.echo(b"")
        request = self.begin_map(monitor)
        os.close(monitor.receive_map()[2])
        bases = self.stop(monitor)
        monitor.answer_map()
        for queue, base in zip(monitor.queues, bases):
            monitor.start_queue(queue, base)
        self.assertEqual(self.result(monitor, request), 0)
        self.unmap(monitor)


class Channel(MappingCase):
    def test_none(self):
        monitor = self.monitor(channel=False)
        request = self.begin_map(monitor)
        self.assertEqual(self.result(monitor, request), -errno.ENOTCONN)

    def test_closed_while_asked(self):
        monitor = self.monitor()
        requests = [self.begin_map(monitor, SIZE * i) for i in range(3)]
        for _ in requests:
            os.close(monitor.receive_map()[2])
        monitor.channel.close()
        self.server.wait_for_log("the channel for our requests is closed: ")
        monitor.wait_used(3)
        for request in requests:
            self.assertEqual(struct.unpack("<q", request.room())[0], -errno.EIO)
        request = self.begin_map(monitor)
        self.assertEqual(self.result(monitor, request), -errno.ENOTCONN)
        monitor.open_channel()
        self.map(monitor)

    def test_replaced(self):
        monitor = self.monitor()
        request = self.begin_map(monitor)
        os.close(monitor.receive_map()[2])
        old = monitor.channel
        monitor.open_channel()
        self.assertEqual(self.result(monitor, request), -errno.EIO)
        self.assertEqual(old.recv(1), b"")
        old.close()
        self.map(monitor)

    def test_wrong_answers(self):
        good = peer.header(peer.SHMEM_MAP, 8, peer.VERSION | peer.REPLY) + peer.u64(0)
        cases = [
            peer.header(peer.SHMEM_UNMAP, 8, peer.VERSION | peer.REPLY) + peer.u64(0),
            peer.header(peer.SHMEM_MAP, 4, peer.VERSION | peer.REPLY) + peer.u64(0),
            peer.header(peer.SHMEM_MAP, 8, peer.VERSION) + peer.u64(0),
            peer.header(peer.SHMEM_MAP, 8, 2 | peer.REPLY) + peer.u64(0),
        ]
        for data in cases:
            monitor = self.monitor()
            request = self.begin_map(monitor)
            os.close(monitor.receive_map()[2])
            monitor.channel.sendall(data)
            self.assertEqual(self.result(monitor, request), -errno.EIO)
            self.assertEqual(monitor.channel.recv(1), b"")
            self.end(monitor)
        self.server.wait_for_log("the channel for our requests is closed: an answer to another "
                                 "request than the one that was made", len(cases))
        monitor = self.monitor()
        monitor.channel.sendall(good)
        self.server.wait_for_log("the channel for our requests is closed: an answer to a request "
                                 "that was not made")
        monitor.echo(b"queues run")

    def test_answer_in_pieces_with_descriptors(self):
        monitor = self.monitor()
        request = self.begin_map(monitor)
        os.close(monitor.receive_map()[2])
        data = peer.header(peer.SHMEM_MAP, 8, peer.VERSION | peer.REPLY) + peer.u64(1)
        for at in range(len(data)):
            socket.send_fds(monitor.channel, [data[at:at + 1]], [monitor.channel.fileno()])
        self.assertEqual(self.result(monitor, request), -errno.EIO)

    def test_monitor_that_does_not_read(self):
        """The channel fills up: requests wait, the queues run, nothing is lost."""
        monitor = self.monitor(size=1024)
        count = 400
        requests = [self.begin_map(monitor, SIZE * i) for i in range(count)]
        monitor.echo(b"meanwhile", queue=peer.CURSOR)
        for i in range(count):
            offset, _, fd = monitor.receive_map()
            self.assertEqual(offset, SIZE * i)
            os.close(fd)
            monitor.answer_map()
        self.assertEqual(len(monitor.wait_used(count)), len(requests))
        for request in requests:
            self.assertEqual(struct.unpack("<q", request.room())[0], 0)


if __name__ == "__main__":
    peer.main()
