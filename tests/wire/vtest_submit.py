"""SUBMIT_CMD2: both header sizes, batches, fences on ring_idx, the order of things."""

import os

import vtest_peer as peer
from vtest_peer import (LOSE, VANISH, add_word, becomes_readable, bind, eventually, get_word, hold,
                        is_readable, set_word, store_word, submit, submit_batches, wait_word, words)


class Submit(peer.VtestCase):
    def setUp(self):
        super().setUp()
        self.user = self.guest(name="user")
        self.resource, self.memory = self.user.create_memory()
        self.addCleanup(self.memory.close)

    def finish(self, sync, value=1):
        """Waits until the sync has the value."""
        fd = self.user.wait_syncs([(sync, value)])
        self.assertTrue(becomes_readable(fd))
        os.close(fd)

    def test_header_sizes(self):
        for header_dwords in (6, 8):
            done = self.user.create_sync()
            self.user.send(submit(store_word(self.resource, 0, header_dwords), [(done, 1)],
                                  header_dwords=header_dwords))
            self.finish(done)
            self.assertEqual(get_word(self.memory, 0), header_dwords)

    def test_captured_from_mesa(self):
        """Fence only: the example of Mesa 26, and the same with the header of Mesa 25."""
        self.user.send(submit(bind(1)))
        for header in ([1, 9, 0, 9, 1, 1, 0, 0], [1, 7, 0, 7, 1, 1]):
            done = self.user.create_sync()
            payload = [1, *header, done, 1, 0]
            self.user.send(words(len(payload), 24, *payload))
            self.finish(done)

    def test_several_batches(self):
        for header_dwords in (6, 8):
            set_word(self.memory, 0, 0)
            syncs = [self.user.create_sync() for _ in range(5)]
            batches = [(add_word(self.resource, 0, 10 ** i), [(sync, i + 1)], 0)
                       for i, sync in enumerate(syncs)]
            self.user.send(submit_batches(batches, header_dwords))
            for i, sync in enumerate(syncs):
                self.finish(sync, i + 1)
                self.assertEqual(self.user.read_sync(sync), i + 1)
            self.assertEqual(get_word(self.memory, 0), 11111)

    def test_hundred_batches(self):
        batches = [(add_word(self.resource, 4, 1), [], 0)] * 99
        done = self.user.create_sync()
        self.user.send(submit_batches([*batches, (add_word(self.resource, 4, 1), [(done, 1)], 0)]))
        self.finish(done)
        self.assertEqual(get_word(self.memory, 4), 100)

    def test_nothing(self):
        """No batch; a batch of nothing; offsets just behind the payload with sizes of 0."""
        self.user.request(24, 0)
        self.user.send(submit())
        self.user.request(24, 1, 1, 7, 0, 7, 0, 0)
        self.user.request(24, 1, 1, 0, 0, 0, 0, 63)
        self.user.ping()

    def test_without_ring_idx(self):
        """Without the flag ring_idx is not looked at: the CPU timeline."""
        done = self.user.create_sync()
        self.user.request(24, 1, 0, 7, 0, 7, 1, 77, done, 1, 0)
        self.finish(done)

    def test_large_command(self):
        """Larger than any buffer on the way, in one message and in pieces."""
        count = 100000
        commands = add_word(self.resource, 8, 1) * count
        done = self.user.create_sync()
        self.user.send(submit(commands, [(done, 1)]))
        self.finish(done)
        self.assertEqual(get_word(self.memory, 8), count)
        stream = submit(commands, [(done, 2)]) + submit(add_word(self.resource, 8, 1), [(done, 3)])
        for at in range(0, len(stream), 9973):
            self.user.send(stream[at:at + 9973])
        self.finish(done, 3)
        self.assertEqual(get_word(self.memory, 8), 2 * count + 1)

    def test_stream_waits_reader_does_not(self):
        """While the stream is blocked the socket is served."""
        first, second = self.user.create_sync(), self.user.create_sync()
        self.user.send(submit(wait_word(self.resource, 0, 1), [(first, 1)]))
        self.user.send(submit([], [(second, 1)]))
        fd = self.user.wait_syncs([(first, 1)])
        self.assertFalse(is_readable(fd))
        self.assertEqual(self.user.read_sync(second), 0)
        self.user.write_sync(second, 5)
        self.assertEqual(self.user.read_sync(second), 5)
        self.check_bystander()
        set_word(self.memory, 0, 1)
        self.assertTrue(becomes_readable(fd))
        os.close(fd)
        self.assertEqual(self.user.read_sync(first), 1)
        done = self.user.create_sync()
        self.user.send(submit([], [(done, 1)]))
        self.finish(done)
        self.assertEqual(self.user.read_sync(second), 5, "a fence lowered a sync")

    def test_ring_idx_are_independent(self):
        """Fences of one ring_idx retire in order, those of another and of the CPU before them."""
        self.user.send(submit(bind(1) + bind(63) + hold(1, self.resource, 0, 1)))
        one, two, other, cpu = (self.user.create_sync() for _ in range(4))
        self.user.send(submit([], [(one, 10)], ring_idx=1))
        self.user.send(submit([], [(two, 20), (one, 11)], ring_idx=1))
        self.user.send(submit([], [(other, 30)], ring_idx=63))
        self.user.send(submit([], [(cpu, 40)], ring_idx=0))
        self.finish(other, 30)
        self.finish(cpu, 40)
        self.assertEqual(self.user.read_sync(one), 0)
        self.assertEqual(self.user.read_sync(two), 0)
        set_word(self.memory, 0, 1)
        self.finish(one, 11)
        self.assertEqual(self.user.read_sync(two), 20)

    def test_sync_goes_before_its_fence(self):
        """The id is gone, the fence still comes, and a wait that holds the sync ends."""
        self.user.send(submit(bind(1) + hold(1, self.resource, 0, 1)))
        sync = self.user.create_sync()
        self.user.send(submit([], [(sync, 1)], ring_idx=1))
        fd = self.user.wait_syncs([(sync, 1)])
        self.user.request(peer.SYNC_UNREF, sync)
        self.user.ping()
        self.assertFalse(is_readable(fd))
        set_word(self.memory, 0, 1)
        self.assertTrue(becomes_readable(fd))
        os.close(fd)

    def test_queue_of_fences_grows_while_it_wraps(self):
        self.user.send(submit(bind(1)))
        first = self.user.create_sync()
        for value in range(1, 13):
            self.user.send(submit([], [(first, value)], ring_idx=1))
        self.finish(first, 12)
        self.user.send(submit(hold(1, self.resource, 0, 1)))
        syncs = [self.user.create_sync() for _ in range(100)]
        for i, sync in enumerate(syncs):
            if i == 3:
                self.user.send(submit(hold(1, self.resource, 0, 2)))
            self.user.send(submit([], [(sync, i + 1), (first, 13 + i)], ring_idx=1))
        self.user.ping()
        set_word(self.memory, 0, 1)
        self.finish(first, 15)
        self.assertEqual([self.user.read_sync(sync) for sync in syncs], [1, 2, 3] + [0] * 97)
        set_word(self.memory, 0, 2)
        self.finish(first, 112)
        self.assertEqual([self.user.read_sync(sync) for sync in syncs], list(range(1, 101)))

    def test_many_fences(self):
        """Far more than one read brings, on three ring_idx at once."""
        self.user.send(submit(bind(1) + bind(2) + hold(1, self.resource, 0, 1)))
        syncs = [self.user.create_sync() for _ in range(3)]
        for value in range(1, 3001):
            self.user.send(b"".join(submit([], [(sync, value)], ring_idx=i)
                                    for i, sync in enumerate(syncs)))
        self.finish(syncs[0], 3000)
        self.finish(syncs[2], 3000)
        self.assertEqual(self.user.read_sync(syncs[1]), 0)
        set_word(self.memory, 0, 1)
        self.finish(syncs[1], 3000)

    def check_lost(self, commands, reason, ring_idx=0):
        """All fences fire, the connection stays, new fences fire at once, blobs are refused."""
        self.user.send(submit(bind(1) + hold(1, self.resource, 0, 1)))
        pending, late, last = (self.user.create_sync() for _ in range(3))
        self.user.send(submit([], [(pending, 1)], ring_idx=1))
        fd = self.user.wait_syncs([(pending, 1), (late, 1)])
        self.assertFalse(is_readable(fd))
        self.user.send(submit(commands, [(late, 1)], ring_idx=ring_idx))
        self.assertTrue(becomes_readable(fd))
        os.close(fd)
        self.server.wait_for_log(f"(user): the context has ended: {reason}")
        self.user.send(submit(store_word(self.resource, 0, 9), [(last, 1)], ring_idx=2))
        self.finish(last)
        self.assertEqual(get_word(self.memory, 0), 0)
        self.user.request_blob(4096)
        refused, fd = self.user.receive_blob()
        os.close(fd)
        self.assertEqual(refused, 0)
        self.user.request(peer.RESOURCE_UNREF, self.resource)
        self.user.ping()

    def test_lost_context(self):
        self.check_lost(LOSE, "asked for")

    def test_vanished_context(self):
        """A context that does not even retire its fences, as the contract wants."""
        self.check_lost(VANISH, "vanished")

    def test_lost_by_unknown_command(self):
        self.check_lost([12345], "unknown command")

    def test_lost_by_unbound_ring_idx(self):
        self.check_lost([], "a fence on a ring_idx that is not bound", ring_idx=5)

    def test_lost_while_a_blob_is_pending(self):
        self.check_lost_with_blob(LOSE)

    def test_vanished_while_a_blob_is_pending(self):
        self.check_lost_with_blob(VANISH)

    def check_lost_with_blob(self, commands):
        self.user.send(submit(wait_word(self.resource, 0, 1) + commands))
        self.user.request_blob(4096)
        self.assertTrue(self.user.is_silent())
        set_word(self.memory, 0, 1)
        refused, fd = self.user.receive_blob()
        os.close(fd)
        self.assertEqual(refused, 0)
        self.user.ping()

    def test_fences_while_the_guest_leaves(self):
        """The context goes on retiring for a client that is no more."""
        before = self.server.descriptors()
        for _ in range(20):
            guest = self.guest()
            sync = guest.create_sync()
            guest.send(b"".join(submit([], [(sync, value)]) for value in range(1, 200)))
            guest.close()
        self.assertTrue(eventually(lambda: self.server.descriptors() == before))


if __name__ == "__main__":
    peer.main()
