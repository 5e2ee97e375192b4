"""The start-up of Mesa's Venus driver, whole, in pieces, and all at once."""

import mmap
import os
import select

import vtest_peer as peer
from vtest_peer import message, words

NAME = b"vulkaninfo\0"
CAPSET = bytes(range(160))


def start_up(wanted_version):
    """(request, answer) pairs up to CONTEXT_INIT."""
    return [
        (words(len(NAME), peer.CREATE_RENDERER) + NAME, b""),
        (words(0, 10), words(0, 10)),
        (words(2, 7, 0, 0), words(1, 7, 0)),
        (words(1, 11, wanted_version), words(1, 11, 3)),
        (words(1, 15, 1), words(2, 15, 1, 64)),
        (words(2, 16, 4, 0), words(41, 16, 1) + CAPSET),
        (words(1, 17, 4), b""),
    ]


class StartUp(peer.VtestCase):
    def check_blob(self, guest):
        """The ring memory of Mesa, whose size is no whole number of pages."""
        guest.send(words(6, 18, 2, 1, 131268, 0, 0, 0))
        self.assertEqual(guest.receive(12), words(1, 18, 1))
        fd = guest.receive_fd()
        memory = mmap.mmap(fd, 131268)
        os.close(fd)
        self.assertEqual(memory[:], bytes(131268))
        guest.send(peer.submit(peer.store_word(1, 131264, 5)))
        self.assertTrue(peer.eventually(lambda: peer.get_word(memory, 131264) == 5))

    def check_start_up(self, wanted_version):
        guest = self.guest(ready=False)
        for request, answer in start_up(wanted_version):
            guest.send(request)
            self.assertEqual(guest.receive(len(answer)), answer)
        self.check_blob(guest)
        self.assertIn("(vulkaninfo)", self.server.log())

    def test_mesa_25(self):
        self.check_start_up(3)

    def test_mesa_26(self):
        self.check_start_up(4)

    def test_older_version_is_kept(self):
        guest = self.guest(ready=False)
        for wanted in (0, 1, 2, 3):
            guest.send(words(1, 11, wanted))
            self.assertEqual(guest.receive_words(3), (1, 11, wanted))

    def test_byte_by_byte(self):
        guest = self.guest(ready=False)
        for request, answer in start_up(4):
            for byte in request:
                guest.send(bytes([byte]))
            self.assertEqual(guest.receive(len(answer)), answer)
        self.check_blob(guest)

    def test_pieces_that_cross_messages(self):
        stream = b"".join(request for request, _ in start_up(4))
        answers = b"".join(answer for _, answer in start_up(4))
        for size in (3, 5, 7, 11, 13, 61):
            guest = self.guest(ready=False)
            for at in range(0, len(stream), size):
                guest.send(stream[at:at + size])
            self.assertEqual(guest.receive(len(answers)), answers)
            self.check_blob(guest)
            guest.close()

    def test_all_at_once(self):
        guest = self.guest(ready=False)
        stream = b"".join(request for request, _ in start_up(4))
        answers = b"".join(answer for _, answer in start_up(4))
        blob = words(6, 18, 2, 1, 4096, 0, 0, 0)
        guest.send(stream + blob + message(peer.SYNC_CREATE, 5, 0) + message(peer.SYNC_READ, 1))
        self.assertEqual(guest.receive(len(answers)), answers)
        resource, fd = guest.receive_blob()
        os.close(fd)
        self.assertEqual(resource, 1)
        self.assertEqual(guest.receive_words(3), (1, peer.SYNC_CREATE, 1))
        self.assertEqual(guest.receive_words(4), (2, peer.SYNC_READ, 5, 0))

    def test_many_pipelined(self):
        """More answers than the socket holds, read only afterwards."""
        guest = self.guest()
        sync = guest.create_sync(0x123456789ABCDEF0)
        count = 50000
        guest.socket.setblocking(False)
        stream = memoryview(message(peer.SYNC_READ, sync) * count)
        sent, received = 0, b""
        while sent < len(stream):
            try:
                sent += guest.socket.send(stream[sent:])
            except BlockingIOError:
                break
        self.assertGreater(sent, 0)
        self.check_bystander()
        expected = words(2, peer.SYNC_READ, 0x9ABCDEF0, 0x12345678)
        while len(received) < len(expected) * count:
            readable, writable, _ = select.select(
                [guest.socket], [guest.socket] if sent < len(stream) else [], [], peer.PATIENCE)
            self.assertTrue(readable or writable)
            if readable:
                received += guest.socket.recv(1 << 16)
            if writable:
                sent += guest.socket.send(stream[sent:])
        self.assertEqual(received, expected * count)

    def test_params(self):
        guest = self.guest(ready=False)
        for param, valid, value in ((1, 1, 64), (2, 1, 0), (0, 0, 0), (3, 0, 0), (2**32 - 1, 0, 0)):
            guest.request(peer.GET_PARAM, param)
            self.assertEqual(guest.receive_words(4), (2, peer.GET_PARAM, valid, value))

    def test_unknown_capsets(self):
        guest = self.guest(ready=False)
        for capset, version in ((0, 0), (1, 0), (2, 0), (3, 0), (5, 0), (4, 1), (2**32 - 1, 0)):
            guest.request(peer.GET_CAPSET, capset, version)
            self.assertEqual(guest.receive_words(3), (1, peer.GET_CAPSET, 0))
        guest.start()

    def test_name_is_made_printable(self):
        guest = self.guest(ready=False)
        name = b"a\x1b[31m\n\xff" + b"x" * 1000 + b"\0"
        guest.send(words(len(name), peer.CREATE_RENDERER) + name)
        guest.ping()
        self.assertIn("(a?[31m??xxx", self.server.log())


if __name__ == "__main__":
    peer.main()
