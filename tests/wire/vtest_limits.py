"""Limits: each refusal says which, and the option that raises it."""

import os
import resource as process_limits

import vtest_peer as peer
from vtest_peer import bind, hold, set_word, submit, words


class Limits(peer.VtestCase):
    limits = ("clients=4", "syncs=8", "waits=4", "wait_entries=8", "signals=8", "resources=4",
              "message_bytes=4096")

    def test_clients(self):
        others = [self.guest() for _ in range(3)]
        extra = self.guest(ready=False)
        self.assertTrue(extra.is_closed())
        self.server.wait_for_log("the limit of 4 clients is reached (--max-clients)")
        others[0].close()
        # The context of the one that left may take a moment to end.
        def fits():
            guest = self.guest(ready=False)
            try:
                guest.start()
                return True
            except (OSError, EOFError):
                return False
        self.assertTrue(peer.eventually(fits))
        others[1].ping()

    def test_syncs(self):
        guest = self.guest()
        syncs = [guest.create_sync() for _ in range(8)]
        guest.request(peer.SYNC_UNREF, syncs[3])
        guest.create_sync()
        guest.request(peer.SYNC_CREATE, 0, 0)
        self.assert_refused(guest, "SYNC_CREATE: the limit of 8 syncs is reached (--max-syncs)")

    def test_waits(self):
        guest = self.guest()
        sync = guest.create_sync()
        for _ in range(4):
            os.close(guest.wait_syncs([(sync, 1)]))
        os.close(guest.wait_syncs([(sync, 0)]))
        os.close(guest.wait_syncs([(sync, 1)], timeout=0))
        guest.write_sync(sync, 1)
        guest.write_sync(sync, 0)
        for _ in range(4):
            os.close(guest.wait_syncs([(sync, 1)]))
        guest.request(peer.SYNC_WAIT, 0, peer.INFINITE, sync, 1, 0)
        self.assert_refused(guest, "SYNC_WAIT: the limit of 4 waits is reached (--max-waits)")

    def test_wait_entries(self):
        guest = self.guest()
        sync = guest.create_sync()
        os.close(guest.wait_syncs([(sync, 1)] * 5))
        os.close(guest.wait_syncs([(sync, 1)] * 3))
        guest.write_sync(sync, 1)
        guest.write_sync(sync, 0)
        os.close(guest.wait_syncs([(sync, 1)] * 5))
        guest.request(peer.SYNC_WAIT, 0, peer.INFINITE, *[sync, 1, 0] * 4)
        self.assert_refused(guest, "SYNC_WAIT: the limit of 8 entries of waits is reached "
                                   "(--max-wait-entries)")

    def test_signals(self):
        guest = self.guest()
        resource, memory = guest.create_memory()
        sync, other = guest.create_sync(), guest.create_sync()
        guest.send(submit(bind(1) + hold(1, resource, 0, 1)))
        guest.send(submit([], [(sync, 1)] * 8, ring_idx=1))
        set_word(memory, 0, 1)
        fd = guest.wait_syncs([(sync, 1)])
        self.assertTrue(peer.becomes_readable(fd))
        os.close(fd)
        guest.send(submit(hold(1, resource, 0, 2)))
        guest.send(submit([], [(sync, 2)] * 5, ring_idx=1))
        guest.send(submit([], [(other, 2)] * 4, ring_idx=1))
        self.assert_refused(guest, "SUBMIT_CMD2: the limit of 8 syncs that await fences is reached "
                                   "(--max-signals)")
        memory.close()

    def test_resources(self):
        """Like every blob that cannot be had: refused without the connection's end."""
        guest = self.guest()
        resources = []
        for _ in range(4):
            resource, memory = guest.create_memory()
            memory.close()
            resources.append(resource)
        guest.request_blob(4096)
        resource, fd = guest.receive_blob()
        os.close(fd)
        self.assertEqual(resource, 0)
        self.assertIn("the limit of 4 resources is reached (--max-resources)", self.server.log())
        guest.request(peer.RESOURCE_UNREF, resources[2])
        guest.create_memory()[1].close()

    def test_message_bytes(self):
        guest = self.guest()
        guest.send(words(1024, 24, 0, *[0] * 1023))
        guest.ping()
        guest.send(words(1025, 24))
        self.assert_refused(guest, "SUBMIT_CMD2: length: 1025 dwords exceed the limit of 4096 "
                                   "bytes (--max-message-bytes)")


class Descriptors(peer.VtestCase):
    """A full descriptor table: a message, and the server goes on."""

    def setUp(self):
        def few_descriptors():
            process_limits.setrlimit(process_limits.RLIMIT_NOFILE, (40, 40))
        self.server = peer.Server(preexec_fn=few_descriptors)
        self.addCleanup(self.server.close)
        self.bystander = peer.Guest(self.server, name="bystander")
        self.addCleanup(self.bystander.close)
        self.sync_of_bystander = self.bystander.create_sync(7)

    def test_connections_wait(self):
        guests = [self.guest(ready=False) for _ in range(50)]
        self.server.wait_for_log("a connection has to wait: ")
        guests[0].ping()
        for guest in guests[:25]:
            guest.close()
        for guest in guests[25:]:
            guest.ping()
        for guest in guests[25:]:
            guest.close()

    def test_waits(self):
        guest = self.guest()
        sync = guest.create_sync()
        fds = []
        with self.assertRaises(EOFError):
            while True:
                fds.append(guest.wait_syncs([(sync, 1)]))
        self.assertIn("SYNC_WAIT: no descriptor for the wait: ", self.server.log())
        self.assertGreater(len(fds), 20)
        for fd in fds:
            self.assertTrue(peer.becomes_readable(fd))
            os.close(fd)

    def test_blobs(self):
        guest = self.guest()
        os.close(guest.wait_syncs([(guest.create_sync(), 1)], timeout=0))
        resources = []
        while True:
            guest.request_blob(4096)
            resource, fd = guest.receive_blob()
            os.close(fd)
            if resource == 0:
                break
            resources.append(resource)
        self.assertGreater(len(resources), 20)
        self.assertIn("blob of 4096 bytes refused: ", self.server.log())
        for resource in resources:
            guest.request(peer.RESOURCE_UNREF, resource)
        guest.create_memory()[1].close()


if __name__ == "__main__":
    peer.main()
