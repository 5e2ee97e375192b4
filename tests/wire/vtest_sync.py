"""SYNC_*: values up and down, waits for any and all, deadlines, syncs that go away."""

import os
import random
import time

import vtest_peer as peer
from vtest_peer import INFINITE, becomes_readable, is_readable

BIG = 0xFEDCBA9876543210


class Sync(peer.VtestCase):
    def setUp(self):
        super().setUp()
        self.user = self.guest(name="user")

    def assert_readable(self, fd, expected=True):
        self.assertEqual(becomes_readable(fd) if expected else is_readable(fd), expected)

    def test_values(self):
        sync = self.user.create_sync(BIG)
        self.assertEqual(self.user.read_sync(sync), BIG)
        for value in (0, 1, 2**32 - 1, 2**32, 2**64 - 1, 5):
            self.user.write_sync(sync, value)
            self.assertEqual(self.user.read_sync(sync), value)

    def test_ids_differ(self):
        ids = {self.user.create_sync(i) for i in range(1000)}
        self.assertEqual(len(ids), 1000)
        self.assertNotIn(0, ids)
        for i, sync in enumerate(sorted(ids)):
            self.assertEqual(self.user.read_sync(sync), i)

    def test_ids_are_not_used_again_soon(self):
        first = self.user.create_sync()
        self.user.request(peer.SYNC_UNREF, first)
        self.assertNotEqual(self.user.create_sync(), first)

    def test_clients_have_their_own(self):
        mine = self.user.create_sync(1)
        other = self.guest()
        self.assertEqual(other.create_sync(2), mine)
        self.assertEqual(self.user.read_sync(mine), 1)
        self.assertEqual(other.read_sync(mine), 2)

    def test_satisfied_at_once(self):
        low, high = self.user.create_sync(0), self.user.create_sync(BIG)
        for pairs, any_of, timeout in (([(high, BIG)], False, 0), ([(high, 1)], False, INFINITE),
                                       ([(low, 0), (high, 5)], False, 100), ([], False, INFINITE),
                                       ([(low, 1), (high, 5)], True, 0), ([], True, 0)):
            fd = self.user.wait_syncs(pairs, any_of, timeout)
            self.assert_readable(fd)
            os.close(fd)

    def test_one(self):
        sync = self.user.create_sync()
        fd = self.user.wait_syncs([(sync, 3)])
        for value in (1, 2):
            self.user.write_sync(sync, value)
            self.assert_readable(fd, False)
        self.user.write_sync(sync, 4)
        self.assert_readable(fd)
        os.close(fd)

    def test_all(self):
        syncs = [self.user.create_sync() for _ in range(4)]
        fd = self.user.wait_syncs([(sync, 1) for sync in syncs])
        for sync in syncs[:-1]:
            self.user.write_sync(sync, 1)
        self.user.ping()
        self.assert_readable(fd, False)
        self.user.write_sync(syncs[-1], 1)
        self.assert_readable(fd)
        os.close(fd)

    def test_any(self):
        syncs = [self.user.create_sync() for _ in range(4)]
        for chosen in range(4):
            fd = self.user.wait_syncs([(sync, chosen + 1) for sync in syncs], any_of=True)
            self.assert_readable(fd, False)
            self.user.write_sync(syncs[chosen], chosen + 1)
            self.assert_readable(fd)
            os.close(fd)

    def test_lowering_takes_back(self):
        """All must hold at one time: a value that was lowered again does not count."""
        one, two = self.user.create_sync(), self.user.create_sync()
        fd = self.user.wait_syncs([(one, 1), (two, 1)])
        self.user.write_sync(one, 1)
        self.user.write_sync(one, 0)
        self.user.write_sync(two, 1)
        self.user.ping()
        self.assert_readable(fd, False)
        self.user.write_sync(one, 1)
        self.assert_readable(fd)
        os.close(fd)

    def test_lowering_does_not_take_back_a_release(self):
        sync = self.user.create_sync()
        fd = self.user.wait_syncs([(sync, 1)])
        self.user.write_sync(sync, 1)
        self.user.write_sync(sync, 0)
        self.user.ping()
        self.assert_readable(fd)
        os.close(fd)
        fd = self.user.wait_syncs([(sync, 1)], timeout=1000)
        self.assert_readable(fd, False)
        os.close(fd)

    def test_same_sync_several_times(self):
        sync = self.user.create_sync()
        fds = [self.user.wait_syncs([(sync, 1), (sync, 3), (sync, 2)]),
               self.user.wait_syncs([(sync, 3), (sync, 9)], any_of=True),
               self.user.wait_syncs([(sync, 3), (sync, 4)])]
        self.user.write_sync(sync, 2)
        for fd in fds:
            self.assert_readable(fd, False)
        self.user.write_sync(sync, 3)
        self.assert_readable(fds[0])
        self.assert_readable(fds[1])
        self.assert_readable(fds[2], False)
        self.user.write_sync(sync, 4)
        self.assert_readable(fds[2])
        for fd in fds:
            os.close(fd)

    def test_timeout_zero(self):
        sync = self.user.create_sync()
        for _ in range(2000):
            fd = self.user.wait_syncs([(sync, 1)], timeout=0)
            os.close(fd)
        fd = self.user.wait_syncs([(sync, 1)], timeout=0)
        self.user.write_sync(sync, 1)
        self.user.ping()
        self.assert_readable(fd, False)
        os.close(fd)

    def test_expired_waits_are_dropped(self):
        """The guest polls with its own time-out; the server must not keep what is over."""
        sync = self.user.create_sync()
        before = self.server.descriptors()
        fds = [self.user.wait_syncs([(sync, 1)], timeout=1 + i % 50) for i in range(300)]
        for fd in fds:
            os.close(fd)
        self.assertTrue(peer.eventually(
            lambda: len(self.server.descriptors()[0]) == len(before[0])))
        self.user.write_sync(sync, 1)
        self.user.ping()

    def test_deadlines_in_any_order(self):
        """A wait satisfied before its deadline, among others that expire before and after."""
        sync, never = self.user.create_sync(), self.user.create_sync()
        fds = [self.user.wait_syncs([(sync if i % 3 == 0 else never, 1)], timeout=timeout)
               for i, timeout in enumerate((60000, 5, 30000, 1, 50000, 20, 20000, 3, 10000))]
        time.sleep(0.1)
        self.user.write_sync(sync, 1)
        for i in (0, 6):
            self.assert_readable(fds[i])
        for i in (1, 2, 3, 4, 5, 7, 8):
            if i % 3 != 0:
                self.assert_readable(fds[i], False)
        for fd in fds:
            os.close(fd)

    def test_deadlines_among_releases(self):
        """Waits that end early leave the deadlines of the others in order."""
        before = self.server.descriptors()
        order = random.Random(1)
        never = self.user.create_sync()
        syncs, fds = [], []
        for i in range(400):
            sync = self.user.create_sync()
            syncs.append(sync)
            fds.append(self.user.wait_syncs([(sync, 1)], timeout=60000 + order.randrange(9999)))
            fds.append(self.user.wait_syncs([(never, 1)], timeout=1500 + order.randrange(500)))
        order.shuffle(syncs)
        for sync in syncs[:-10]:
            self.user.write_sync(sync, 1)
        for fd in fds:
            os.close(fd)
        self.user.ping()
        time.sleep(2.1)
        self.assertTrue(peer.eventually(
            lambda: len(self.server.descriptors()[0]) == len(before[0]) + 10))

    def test_destroyed_sync(self):
        """Nothing can set it any more: the wait stays as it is, to its deadline or the end."""
        sync, other = self.user.create_sync(), self.user.create_sync()
        fd = self.user.wait_syncs([(sync, 1)])
        either = self.user.wait_syncs([(sync, 1), (other, 1)], any_of=True)
        self.user.request(peer.SYNC_UNREF, sync)
        self.user.ping()
        self.assert_readable(fd, False)
        self.assert_readable(either, False)
        self.user.write_sync(other, 1)
        self.assert_readable(either)
        self.assert_readable(fd, False)
        self.user.close()
        self.assert_readable(fd)
        os.close(fd)
        os.close(either)

    def test_waits_end_with_the_client(self):
        """A process that shares the descriptor must not wait for a client that has been closed."""
        sync = self.user.create_sync()
        fds = [self.user.wait_syncs([(sync, 1)], timeout=timeout) for timeout in (INFINITE, 60000)]
        self.user.request(99)
        self.assert_refused(self.user, "unknown message id 99")
        for fd in fds:
            self.assert_readable(fd)
            os.close(fd)

    def test_many_entries(self):
        syncs = [self.user.create_sync() for _ in range(2000)]
        fd = self.user.wait_syncs([(sync, 1) for sync in syncs])
        for sync in syncs[:-1]:
            self.user.write_sync(sync, 1)
        self.user.ping()
        self.assert_readable(fd, False)
        self.user.write_sync(syncs[-1], 1)
        self.assert_readable(fd)
        os.close(fd)


if __name__ == "__main__":
    peer.main()
