"""Clients that come and go in every way, the server's start and end."""

import os
import signal
import socket
import subprocess
import sys
import time

import vtest_peer as peer
from vtest_peer import bind, destroy_wait, hold, set_word, submit, wait_word, words


class Lifecycle(peer.VtestCase):
    def busy_guest(self):
        """With memory, a blocked stream, pending fences and waits, and a thread per ring_idx."""
        guest = self.guest(name="busy")
        resource, memory = guest.create_memory()
        syncs = [guest.create_sync() for _ in range(3)]
        guest.send(submit(bind(1) + hold(1, resource, 0, 1)))
        guest.send(submit([], [(syncs[0], 1)], ring_idx=1))
        guest.send(submit(wait_word(resource, 0, 1), [(syncs[1], 1)]))
        os.close(guest.wait_syncs([(sync, 1) for sync in syncs]))
        os.close(guest.wait_syncs([(syncs[2], 1)], timeout=60000))
        memory.close()
        return guest

    def settled(self, descriptors):
        return peer.eventually(lambda: self.server.descriptors() == descriptors)

    def assert_nothing_left(self, before):
        self.assertTrue(self.settled(before), (before, self.server.descriptors()))

    def test_200_clients(self):
        before = self.server.descriptors()
        for i in range(200):
            guest = self.guest(ready=i % 2 == 0)
            if i % 4 == 0:
                guest.create_memory()[1].close()
            guest.close()
        self.assert_nothing_left(before)

    def test_50_busy_clients(self):
        """Ten at a time: each has descriptors and threads of many kinds."""
        before = self.server.descriptors()
        for _ in range(5):
            guests = [self.busy_guest() for _ in range(10)]
            self.check_bystander()
            for guest in guests:
                guest.close()
        self.assert_nothing_left(before)

    def test_hang_up_anywhere(self):
        """After each byte of a conversation of all kinds of requests."""
        before = self.server.descriptors()
        name = b"cut\0"
        start = words(len(name), 8) + name + words(1, 17, 4)
        stream = start + b"".join([
            words(0, 10), words(6, 18, 2, 1, 4096, 0, 0, 0), words(2, 19, 0, 0),
            words(5, 23, 0, 60000, 1, 1, 0), submit([], [(1, 1)]), words(1, 20, 1), words(1, 3, 1)])
        for length in range(len(stream)):
            guest = self.guest(ready=False)
            guest.send(stream[:length])
            guest.close()
        self.server.wait_for_log("(cut): hung up in the middle of a message (")
        self.assert_nothing_left(before)

    def test_half_closed(self):
        """The guest has said that nothing comes any more."""
        guest = self.guest()
        guest.request(peer.PING_PROTOCOL_VERSION)
        guest.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(guest.receive_words(2), (0, peer.PING_PROTOCOL_VERSION))
        self.assertTrue(guest.is_closed())

    def test_unwanted_descriptors(self):
        """No request carries one: they are closed."""
        before = self.server.descriptors()
        guest = self.guest()
        data = peer.message(peer.PING_PROTOCOL_VERSION) * 8
        for at in range(0, len(data), 8):
            socket.send_fds(guest.socket, [data[at:at + 8]], [0, 1, 2, 0])
        self.assertEqual(guest.receive_words(16), (0, peer.PING_PROTOCOL_VERSION) * 8)
        guest.close()
        self.assert_nothing_left(before)

    def test_slow_end_delays_nobody(self):
        """A context that takes long to end: the others live, new ones come, others end."""
        before = self.server.descriptors()
        guest = self.guest(name="slow")
        resource, memory = guest.create_memory()
        done = guest.create_sync()
        guest.send(submit(destroy_wait(resource, 0, 1), [(done, 1)]))
        fd = guest.wait_syncs([(done, 1)])
        self.assertTrue(peer.becomes_readable(fd))
        os.close(fd)
        guest.close()
        self.server.wait_for_log("(slow): hung up")
        for _ in range(5):
            self.check_bystander()
            self.guest().close()
        # Its thread and descriptors are there still, those of the five are not.
        self.assertTrue(peer.eventually(lambda: self.server.descriptors()[1] <= before[1] + 2))
        self.assertGreater(len(self.server.descriptors()[0]), len(before[0]))
        set_word(memory, 0, 1)
        memory.close()
        self.assert_nothing_left(before)

    def check_idle(self):
        before = self.server.wake_ups()
        time.sleep(1)
        self.assertLess(self.server.wake_ups() - before, 10)

    def test_idle_clients_cost_nothing(self):
        """Nobody wakes up for clients that do nothing, though some wait."""
        guests = [self.guest() for _ in range(20)]
        for guest in guests:
            os.close(guest.wait_syncs([(guest.create_sync(), 1)]))
        self.check_idle()
        for guest in guests:
            os.close(guest.wait_syncs([(guest.create_sync(), 1)], timeout=3600000))
        self.check_idle()

    def test_end_with_busy_clients(self):
        """Their waits end, their connections close, and the exit code is 0 (tearDown)."""
        guests = [self.busy_guest() for _ in range(5)]
        guests[0].request_blob(4096)  # pending
        sync = guests[1].create_sync()
        fd = guests[1].wait_syncs([(sync, 1)])
        self.check_bystander()
        self.assertEqual(self.server.stop(), 0, self.server.log())
        self.assertTrue(peer.becomes_readable(fd))
        os.close(fd)
        for guest in guests:
            self.assertTrue(guest.is_closed())
        self.assertFalse(os.path.exists(self.server.path))
        self.server.close()
        super().setUp()


class SocketFile(peer.VtestCase):
    def start_second(self, path):
        return subprocess.run([sys.argv[1], path], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=peer.PATIENCE, check=False)

    def test_live_socket(self):
        second = self.start_second(self.server.path)
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"{self.server.path}: another server is listening there", second.stderr)
        self.guest().close()

    def test_no_socket(self):
        path = os.path.join(self.server.folder.name, "file")
        with open(path, "w", encoding="ascii") as file:
            file.write("precious")
        second = self.start_second(path)
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"{path}: exists and is no socket", second.stderr)
        with open(path, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")

    def test_long_path(self):
        path = os.path.join(self.server.folder.name, "x" * 200)
        second = self.start_second(path)
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"{path}: the path is too long for a socket", second.stderr)

    def test_missing_folder(self):
        second = self.start_second(os.path.join(self.server.folder.name, "no", "socket"))
        self.assertEqual(second.returncode, 1)
        self.assertIn("cannot listen: No such file or directory", second.stderr)

    def test_stale_socket(self):
        server = peer.Server()
        self.addCleanup(server.close)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        self.assertTrue(os.path.exists(server.path))
        again = subprocess.Popen([sys.argv[1], server.path], stdin=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE)
        self.assertEqual(again.stderr.readline(), b"listening\n")
        guest = peer.Guest(server)
        guest.close()
        again.terminate()
        self.assertEqual(again.wait(peer.PATIENCE), 0)
        again.stderr.close()
        self.assertFalse(os.path.exists(server.path))

    def test_socket_of_somebody_else_stays(self):
        server = peer.Server()
        self.addCleanup(server.close)
        os.unlink(server.path)
        other = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(other.close)
        other.bind(server.path)
        self.assertEqual(server.stop(), 0)
        self.assertTrue(os.path.exists(server.path))


if __name__ == "__main__":
    peer.main()
