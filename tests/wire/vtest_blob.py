"""RESOURCE_CREATE_BLOB and RESOURCE_UNREF."""

import mmap
import os
import select
import socket

import vtest_peer as peer
from vtest_peer import becomes_readable, get_word, set_word, store_word, submit, wait_word


class Blob(peer.VtestCase):
    def setUp(self):
        super().setUp()
        self.user = self.guest(name="user")

    def assert_not_mappable(self, fd):
        with self.assertRaises(OSError):
            mmap.mmap(fd, 4096)
        os.close(fd)

    def test_sizes(self):
        for size in (1, 100, 4096, 4097, 131268, 64 << 20):
            self.user.request_blob(size)
            resource, fd = self.user.receive_blob()
            memory = mmap.mmap(fd, size)
            self.assertGreaterEqual(os.fstat(fd).st_size, size)
            os.close(fd)
            self.assertEqual(memory[size - 1], 0)
            memory[size - 1] = 1
            memory.close()
            self.user.request(peer.RESOURCE_UNREF, resource)
        self.user.ping()

    def test_ids(self):
        ids = []
        for _ in range(300):
            resource, memory = self.user.create_memory()
            memory.close()
            ids.append(resource)
            if len(ids) % 2:
                self.user.request(peer.RESOURCE_UNREF, resource)
        self.assertEqual(len(set(ids)), 300)
        self.assertNotIn(0, ids)

    def test_device_memory(self):
        self.user.request_blob(8192, blob_id=5, flags=3)
        resource, fd = self.user.receive_blob()
        self.assertEqual(resource, 1)
        self.assertEqual(os.fstat(fd).st_size, peer.whole_pages(8192))
        os.close(fd)

    def test_memory_is_given_back(self):
        """To the context, where it is of device memory and nobody else can have it."""
        for blob_id, flags in ((5, 1), (6, 3), (7, 5), (8, 0), (0, 1)):
            self.user.request_blob(8192, blob_id, flags)
            resource, fd = self.user.receive_blob()
            os.close(fd)
            self.user.request(peer.RESOURCE_UNREF, resource)
        self.user.ping()
        told = [line for line in self.server.log().splitlines() if "given back" in line]
        self.assertEqual(len(told), 1, told)
        self.assertTrue(told[0].endswith("given back: resource 1 at 0x100000000"), told)

    def test_memory_outlives_the_resource(self):
        resource, memory = self.user.create_memory()
        set_word(memory, 0, 77)
        self.user.request(peer.RESOURCE_UNREF, resource)
        self.user.ping()
        self.assertEqual(get_word(memory, 0), 77)

    def test_refused(self):
        """Not the connection's end: an id of 0, and a descriptor that nobody can map."""
        self.user.request_blob(4096, blob_id=1000)
        resource, fd = self.user.receive_blob()
        self.assertEqual(resource, 0)
        self.assert_not_mappable(fd)
        self.assertIn("(user): blob of 4096 bytes refused: no such memory", self.server.log())
        self.user.request(peer.RESOURCE_UNREF, 0)
        resource, memory = self.user.create_memory()
        memory.close()
        self.assertEqual(resource, 2)

    def test_too_large(self):
        for size in (1 << 63, 2**64 - 1, 2**64 - 4096):
            self.user.request_blob(size)
            resource, fd = self.user.receive_blob()
            self.assertEqual(resource, 0)
            self.assert_not_mappable(fd)
        self.assertIn(f"blob of {2**64 - 1} bytes refused", self.server.log())

    def test_pending(self):
        """The client waits for its answer, in order; another works on."""
        resource, memory = self.user.create_memory()
        sync = self.user.create_sync(3)
        self.user.send(submit(wait_word(resource, 0, 1)))
        self.user.request_blob(4096)
        self.user.send(peer.message(peer.SYNC_READ, sync) + submit(store_word(resource, 4, 2)))
        self.user.request_blob(8192)
        self.user.send(peer.message(peer.PING_PROTOCOL_VERSION))
        self.assertTrue(self.user.is_silent(0.2))
        for _ in range(20):
            self.check_bystander()
        self.assertTrue(self.user.is_silent())
        set_word(memory, 0, 1)
        first, fd = self.user.receive_blob()
        self.assertEqual(os.fstat(fd).st_size, peer.whole_pages(4096))
        os.close(fd)
        self.assertEqual(self.user.receive_words(4), (2, peer.SYNC_READ, 3, 0))
        second, fd = self.user.receive_blob()
        self.assertEqual(os.fstat(fd).st_size, peer.whole_pages(8192))
        os.close(fd)
        self.assertEqual(self.user.receive_words(2), (0, peer.PING_PROTOCOL_VERSION))
        self.assertEqual((first, second), (resource + 1, resource + 2))
        self.assertEqual(get_word(memory, 4), 2)

    def test_waits_are_released_while_a_blob_is_pending(self):
        """Fences of the client itself go on, too."""
        resource, memory = self.user.create_memory()
        early = self.user.create_sync()
        fd = self.user.wait_syncs([(early, 1)])
        self.user.send(submit(wait_word(resource, 0, 1), [(early, 1)]) +
                       submit(wait_word(resource, 0, 2)))
        self.user.request_blob(4096)
        set_word(memory, 0, 1)
        self.assertTrue(becomes_readable(fd))
        os.close(fd)
        self.assertTrue(self.user.is_silent())
        set_word(memory, 0, 2)
        os.close(self.user.receive_blob()[1])

    def test_hang_up_while_pending(self):
        resource, memory = self.user.create_memory()
        self.user.send(submit(wait_word(resource, 0, 1)))
        self.user.request_blob(4096)
        self.user.send(peer.message(peer.PING_PROTOCOL_VERSION) * 10)
        self.assertTrue(self.user.is_silent())
        self.user.close()
        self.server.wait_for_log("(user): hung up before its answer")
        memory.close()

    def test_one_descriptor_at_its_byte(self):
        """Nothing comes with the words; the byte comes alone."""
        self.user.request_blob(4096)
        data, fds, _, _ = socket.recv_fds(self.user.socket, 12, 4)
        self.assertEqual((len(data), fds), (12, []))
        data, fds, _, _ = socket.recv_fds(self.user.socket, 100, 4)
        self.assertEqual((data, len(fds)), (b"\0", 1))
        os.close(fds[0])

    def send_until_full(self, stream):
        """Bytes sent before neither side's buffers took another for a while."""
        sent = 0
        self.user.socket.setblocking(False)
        while select.select([], [self.user.socket], [], 0.3)[1] and sent < len(stream):
            sent += self.user.socket.send(stream[sent:])
        self.user.socket.setblocking(True)
        self.user.socket.settimeout(peer.PATIENCE)
        return sent

    def test_answers_queue_with_their_descriptors(self):
        """More answers than the socket takes: each descriptor still comes at its byte."""
        count = 20000
        sync = self.user.create_sync()
        stream = peer.message(peer.SYNC_WAIT, 0, 0, sync, 1, 0) * count
        sent = self.send_until_full(stream)
        self.assertLess(sent, len(stream))
        self.check_bystander()
        whole = sent // 28
        for _ in range(whole):
            self.assertEqual(self.user.receive_words(2), (0, peer.SYNC_WAIT))
            os.close(self.user.receive_fd())
        self.user.send(stream[sent:(whole + 1) * 28])
        self.assertEqual(self.user.receive_words(2), (0, peer.SYNC_WAIT))
        os.close(self.user.receive_fd())
        self.user.ping()

    def test_blobs_queue_with_their_descriptors(self):
        """The same with descriptors that belong to one answer each."""
        count = 20000
        stream = b"".join(
            peer.message(peer.RESOURCE_CREATE_BLOB, 2, 1, 4096 * (1 + i % 7), 0, 0, 0) +
            peer.message(peer.RESOURCE_UNREF, i + 1) for i in range(count))
        sent = self.send_until_full(stream)
        self.assertLess(sent, len(stream))
        for i in range(sent // 44):
            resource, fd = self.user.receive_blob()
            self.assertEqual(resource, i + 1)
            self.assertEqual(os.fstat(fd).st_size, peer.whole_pages(4096 * (1 + i % 7)))
            os.close(fd)

    def test_descriptors_are_given_back(self):
        before = self.server.descriptors()
        resources = []
        for _ in range(100):
            resource, memory = self.user.create_memory()
            memory.close()
            resources.append(resource)
        self.assertEqual(len(self.server.descriptors()[0]), len(before[0]) + 100)
        for resource in resources:
            self.user.request(peer.RESOURCE_UNREF, resource)
        self.assertTrue(peer.eventually(
            lambda: len(self.server.descriptors()[0]) == len(before[0])))


if __name__ == "__main__":
    peer.main()
