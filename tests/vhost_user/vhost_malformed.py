"""Messages that no monitor sends: each ends in a sentence, and the next monitor is served."""

import os
import select
import socket
import struct
import tempfile
import time

import vhost_peer as peer
from vhost_peer import header, state, u64

SIZES = {
    peer.GET_FEATURES: ("GET_FEATURES", 0, 0),
    peer.SET_FEATURES: ("SET_FEATURES", 8, 8),
    peer.SET_OWNER: ("SET_OWNER", 0, 0),
    peer.RESET_OWNER: ("RESET_OWNER", 0, 0),
    peer.SET_MEM_TABLE: ("SET_MEM_TABLE", 8, 264),
    peer.SET_VRING_NUM: ("SET_VRING_NUM", 8, 8),
    peer.SET_VRING_ADDR: ("SET_VRING_ADDR", 40, 40),
    peer.SET_VRING_BASE: ("SET_VRING_BASE", 8, 8),
    peer.GET_VRING_BASE: ("GET_VRING_BASE", 8, 8),
    peer.SET_VRING_KICK: ("SET_VRING_KICK", 8, 8),
    peer.SET_VRING_CALL: ("SET_VRING_CALL", 8, 8),
    peer.SET_VRING_ERR: ("SET_VRING_ERR", 8, 8),
    peer.GET_PROTOCOL_FEATURES: ("GET_PROTOCOL_FEATURES", 0, 0),
    peer.SET_PROTOCOL_FEATURES: ("SET_PROTOCOL_FEATURES", 8, 8),
    peer.GET_QUEUE_NUM: ("GET_QUEUE_NUM", 0, 0),
    peer.SET_VRING_ENABLE: ("SET_VRING_ENABLE", 8, 8),
    peer.SET_BACKEND_REQ_FD: ("SET_BACKEND_REQ_FD", 0, 0),
    peer.GET_CONFIG: ("GET_CONFIG", 12, 268),
    peer.SET_CONFIG: ("SET_CONFIG", 12, 268),
    peer.RESET_DEVICE: ("RESET_DEVICE", 0, 0),
    peer.SET_STATUS: ("SET_STATUS", 8, 8),
    peer.GET_STATUS: ("GET_STATUS", 0, 0),
    peer.GET_SHMEM_CONFIG: ("GET_SHMEM_CONFIG", 0, 0),
}


class Framing(peer.VhostCase):
    def test_versions(self):
        for version in (0, 2, 3):
            monitor = self.monitor()
            monitor.send(header(peer.GET_FEATURES, 0, version))
            self.assert_ended(monitor, f"vhost-user: version {version} of the protocol: only 1 is "
                              "spoken")

    def test_unknown_requests(self):
        """Also those of features that are not offered: logging, in-flight tracking, slots."""
        for request in (0, 99, 0xFFFFFFFF, peer.SET_LOG_BASE, peer.GET_INFLIGHT_FD,
                        peer.ADD_MEM_REG):
            monitor = self.monitor()
            monitor.send(header(request, 8) + bytes(8))
            self.assert_ended(monitor, f"request {request} is not known, or needs a feature that "
                              "was not offered")

    def check_size(self, request, size):
        name, least, most = SIZES[request]
        monitor = self.monitor(ready=False)
        monitor.send(header(request, size))  # the payload is not waited for
        self.assert_ended(monitor, f"{name}: {size} bytes of payload, expected {least} to {most}")

    def test_sizes(self):
        cases = [(peer.GET_FEATURES, 0xFFFFFFFF)]
        for request, (_, least, most) in SIZES.items():
            cases += [(request, size) for size in (least - 1, most + 1, most + 4096) if size >= 0]
        for count, (request, size) in enumerate(cases):
            if count % 9 == 8:
                self.renew_server()
            self.check_size(request, size)

    def test_byte_by_byte(self):
        monitor = self.monitor()
        data = header(peer.SET_STATUS, 8, peer.VERSION | peer.NEED_REPLY) + u64(15)
        for at in range(len(data)):
            monitor.send(data[at:at + 1])
        self.assertEqual(monitor.receive_reply(peer.SET_STATUS), u64(0))
        self.assertEqual(monitor.ask_u64(peer.GET_STATUS), 15)

    def test_many_at_once(self):
        monitor = self.monitor()
        monitor.send(header(peer.GET_QUEUE_NUM, 0) * 500)
        for _ in range(500):
            self.assertEqual(monitor.receive_reply(peer.GET_QUEUE_NUM), u64(2))

    def test_answers_that_nobody_reads(self):
        """The server takes no more requests until there is room for its answers."""
        monitor = self.monitor()
        count = 3000
        monitor.socket.setblocking(False)
        sent, data = 0, header(peer.GET_SHMEM_CONFIG, 0) * count
        while sent < len(data):
            try:
                sent += monitor.socket.send(data[sent:])
            except BlockingIOError:
                if not peer.eventually(lambda: select.select(
                        [], [monitor.socket], [], 0)[1], 0.2):
                    break
        monitor.socket.settimeout(peer.PATIENCE)
        monitor.echo(b"queues run")
        for _ in range(sent // 12):
            self.assertEqual(len(monitor.receive_reply(peer.GET_SHMEM_CONFIG)), 8 + 256 * 8)
        if sent < len(data):
            monitor.socket.sendall(data[sent:])
            for _ in range(count - sent // 12):
                monitor.receive_reply(peer.GET_SHMEM_CONFIG)
        self.assertEqual(monitor.ask_u64(peer.GET_QUEUE_NUM), 2)

    def test_end_in_mid_message(self):
        """After each byte; the descriptor that came with the first one is closed."""
        data = header(peer.SET_VRING_KICK, 8) + u64(0)
        notifier = peer.Notifier(peer.KINDS[0])
        for size in range(1, len(data)):
            if size % 9 == 0:
                self.renew_server()
            monitor = self.monitor(ready=False)
            monitor.message(peer.SET_PROTOCOL_FEATURES, u64(peer.PROTOCOL_FEATURES))
            monitor.send(data[:size], [notifier.read_fd])
            monitor.socket.shutdown(socket.SHUT_WR)
            self.assert_ended(monitor, "the monitor hung up in the middle of a message, after "
                              f"{size} bytes")
        notifier.close()


class Descriptors(peer.VhostCase):
    def setUp(self):
        super().setUp()
        self.notifier = peer.Notifier(peer.KINDS[0])
        self.addCleanup(self.notifier.close)

    def test_surplus(self):
        for request, (name, least, _) in SIZES.items():
            allowed = {peer.SET_MEM_TABLE: 8, peer.SET_VRING_KICK: 1, peer.SET_VRING_CALL: 1,
                       peer.SET_VRING_ERR: 1, peer.SET_BACKEND_REQ_FD: 1}.get(request, 0)
            if allowed == 8:
                continue
            if request % 8 == 0:
                self.renew_server()
            monitor = self.monitor()
            monitor.message(request, bytes(least), [self.notifier.read_fd] * (allowed + 1))
            self.assert_ended(monitor, f"{name}: {allowed + 1} descriptors came with it, expected "
                              f"at most {allowed}")

    def test_more_than_eight(self):
        for count in (9, 20, 250):
            monitor = self.monitor()
            monitor.message(peer.SET_MEM_TABLE, bytes(8), [self.notifier.read_fd] * count)
            self.assert_ended(monitor, "more than 8 descriptors came with one message")

    def test_beside_every_byte(self):
        """A descriptor with each byte of one message."""
        monitor = self.monitor()
        data = header(peer.SET_MEM_TABLE, 8) + bytes(8)
        try:
            for at in range(len(data)):
                monitor.send(data[at:at + 1], [self.notifier.read_fd])
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.assert_ended(monitor, "more than 8 descriptors came with one message")

    def test_missing(self):
        monitor = self.monitor()
        for request, name in ((peer.SET_VRING_KICK, "KICK"), (peer.SET_VRING_CALL, "CALL"),
                              (peer.SET_VRING_ERR, "ERR")):
            self.assertNotEqual(monitor.do(request, u64(0)), 0)
            self.server.wait_for_log(f"SET_VRING_{name}: no descriptor came with it")
            self.assertNotEqual(monitor.do(request, u64(0x100), [self.notifier.read_fd]), 0)
            self.server.wait_for_log(f"SET_VRING_{name}: a descriptor came that is said not to")
        self.assertNotEqual(monitor.do(peer.SET_BACKEND_REQ_FD), 0)
        self.server.wait_for_log("SET_BACKEND_REQ_FD: no descriptor came with it")
        monitor.echo(b"as before")

    def test_queue_without_kick(self):
        """Polling a ring all the time is not done."""
        monitor = self.monitor()
        self.assertNotEqual(monitor.do(peer.SET_VRING_KICK, u64(0x100)), 0)
        self.server.wait_for_log("SET_VRING_KICK: the control queue cannot be watched without a "
                                 "descriptor")
        monitor.echo(b"as before")

    def test_queue_without_call(self):
        """A driver may look at the ring instead."""
        monitor = self.monitor()
        for request in (peer.SET_VRING_CALL, peer.SET_VRING_ERR):
            monitor.must(request, u64(0x100))
        request = monitor.begin(peer.operation(peer.ECHO), 48)
        self.assertEqual(monitor.wait_used(), [(request.head, 40)])

    def test_wrong_kinds(self):
        """A file or a socket would be readable without end."""
        monitor = self.monitor()
        ours, theirs = socket.socketpair()
        null = os.open(os.devnull, os.O_RDWR)
        with tempfile.TemporaryFile() as file:
            for fd in (file.fileno(), ours.fileno(), null):
                for request, name in ((peer.SET_VRING_KICK, "KICK"), (peer.SET_VRING_CALL, "CALL"),
                                      (peer.SET_VRING_ERR, "ERR")):
                    self.assertNotEqual(monitor.do(request, u64(1), [fd]), 0)
                    self.server.wait_for_log(f"SET_VRING_{name}: the descriptor is neither an "
                                             "eventfd nor a pipe")
            for fd in (file.fileno(), null):
                self.assertNotEqual(monitor.do(peer.SET_BACKEND_REQ_FD, fds=[fd]), 0)
            self.server.wait_for_log("SET_BACKEND_REQ_FD: the descriptor is no socket", 2)
        os.close(null)
        ours.close()
        theirs.close()
        monitor.echo(b"as before")
        monitor.echo(b"as before", queue=peer.CURSOR)

    def test_kick_that_closes(self):
        """The other end of the pipe goes away: no busy loop, and a new one can be given."""
        monitor = self.monitor(kind="pipe")
        os.close(monitor.queues[0].kick.write_fd)
        self.server.wait_for_log("the kick descriptor of the control queue has been closed")
        before = self.server.wake_ups()
        time.sleep(0.2)
        self.assertLess(self.server.wake_ups() - before, 20)
        monitor.echo(b"other", queue=peer.CURSOR)
        kick = peer.Notifier("pipe")
        monitor.queues[0].kick.write_fd = monitor.queues[0].kick.read_fd
        monitor.queues[0].kick.close()
        monitor.queues[0].kick = kick
        monitor.must(peer.SET_VRING_KICK, u64(0), [kick.read_fd])
        monitor.echo(b"again")

    def test_call_that_closes(self):
        """Nobody listens any more: no signal ends the server."""
        monitor = self.monitor(kind="pipe")
        os.close(monitor.queues[0].call.read_fd)
        request = monitor.begin(peer.operation(peer.ECHO), 40)
        self.assertEqual(monitor.wait_used(), [(request.head, 40)])
        monitor.queues[0].call.read_fd = monitor.queues[0].call.write_fd
        monitor.echo(b"other", queue=peer.CURSOR)


class Queues(peer.VhostCase):
    """Arguments of the messages that set up queues."""

    def test_numbers(self):
        """Of a queue that there is not."""
        monitor = self.monitor()
        for request, payload, name in (
                (peer.SET_VRING_NUM, state(2, 1), "SET_VRING_NUM"),
                (peer.SET_VRING_BASE, state(255, 1), "SET_VRING_BASE"),
                (peer.SET_VRING_ENABLE, state(0xFFFFFFFF, 1), "SET_VRING_ENABLE"),
                (peer.SET_VRING_KICK, u64(0x102), "SET_VRING_KICK"),
                (peer.SET_VRING_CALL, u64(0x1FF), "SET_VRING_CALL"),
                (peer.SET_VRING_ERR, u64(0x102), "SET_VRING_ERR"),
                (peer.SET_VRING_ADDR, struct.pack("=II4Q", 2, 0, *[0] * 4), "SET_VRING_ADDR")):
            self.assertNotEqual(monitor.do(request, payload), 0)
            with_fd = peer.SET_VRING_KICK <= request <= peer.SET_VRING_ERR
            index = payload[0] if with_fd else struct.unpack_from("=I", payload)[0]
            self.server.wait_for_log(f"{name}: queue {index}, of 2")
        monitor.echo(b"as before")
        monitor.message(peer.GET_VRING_BASE, state(2, 0))
        self.assert_ended(monitor, "GET_VRING_BASE: queue 2, of 2")

    def test_sizes(self):
        monitor = self.monitor(ready=False)
        monitor.negotiate()
        for size in (0, 3, 17, 65536, 0xFFFFFFFF):
            self.assertNotEqual(monitor.do(peer.SET_VRING_NUM, state(0, size)), 0)
            self.server.wait_for_log(f"SET_VRING_NUM: {size} descriptors: a power of two up to "
                                     "32768 is expected")
        for base in (65536, 0xFFFFFFFF):
            self.assertNotEqual(monitor.do(peer.SET_VRING_BASE, state(0, base)), 0)
            self.server.wait_for_log(f"SET_VRING_BASE: {base}: an index of 16 bits is expected")

    def test_values(self):
        monitor = self.monitor()
        self.assertNotEqual(monitor.do(peer.SET_VRING_ENABLE, state(0, 2)), 0)
        self.server.wait_for_log("SET_VRING_ENABLE: 2 is neither 0 nor 1")

    def test_changes_while_running(self):
        monitor = self.monitor()
        self.assertNotEqual(monitor.do(peer.SET_VRING_NUM, state(0, 32)), 0)
        self.server.wait_for_log("SET_VRING_NUM: the control queue has not been stopped")
        self.assertNotEqual(monitor.do(peer.SET_VRING_BASE, state(0, 5)), 0)
        self.server.wait_for_log("SET_VRING_BASE: the control queue has not been stopped")
        monitor.echo(b"as before")

    def prepare(self, monitor, size=16):
        monitor.negotiate()
        queue = peer.Queue(monitor.memory, 0x1000, size)
        monitor.queues.append(queue)
        monitor.must(peer.SET_VRING_NUM, state(0, size))
        monitor.set_memory()
        return queue

    def start(self, monitor, queue, **addresses):
        monitor.must(peer.SET_VRING_ADDR, monitor.set_addresses(queue, **addresses))
        return monitor.do(peer.SET_VRING_KICK, u64(0), [queue.kick.read_fd])

    def test_start_without_memory(self):
        monitor = self.monitor(ready=False)
        monitor.negotiate()
        queue = peer.Queue(monitor.memory, 0x1000)
        monitor.queues.append(queue)
        monitor.must(peer.SET_VRING_NUM, state(0, queue.size))
        self.assertNotEqual(self.start(monitor, queue), 0)
        self.server.wait_for_log("the control queue has no memory: SET_MEM_TABLE has to come first")

    def test_rings_outside(self):
        """Each ring, with its last byte, at every edge."""
        end = peer.USER_BASE + (1 << 20)
        names = {"descriptors": ("descriptor table", 256), "available": ("available ring", 38),
                 "used": ("used ring", 134)}
        for ring, (name, size) in names.items():
            self.renew_server()
            monitor = self.monitor(ready=False)
            queue = self.prepare(monitor)
            for address in (0, peer.USER_BASE - 16, (end - size + 16) & ~15, end,
                            (1 << 64) - 16):
                self.assertNotEqual(self.start(monitor, queue, **{ring: address}), 0)
                self.server.wait_for_log(
                    f"the {name} of the control queue ({peer.hexadecimal(address)}, {size} bytes) "
                    "is not in the guest's shared memory")
            self.assertEqual(self.start(monitor, queue), 0)

    def test_rings_not_aligned(self):
        monitor = self.monitor(ready=False)
        queue = self.prepare(monitor)
        for ring, name, step, alignment in (("descriptors", "descriptor table", 8, 16),
                                            ("available", "available ring", 1, 2),
                                            ("used", "used ring", 2, 4)):
            address = peer.USER_BASE + 0x8000 + step
            self.assertNotEqual(self.start(monitor, queue, **{ring: address}), 0)
            self.server.wait_for_log(f"the {name} of the control queue ({address:#x}) is not a "
                                     f"multiple of {alignment}")
        self.assertEqual(self.start(monitor, queue), 0)

    def test_rings_moved_outside(self):
        monitor = self.monitor()
        self.assertNotEqual(monitor.do(peer.SET_VRING_ADDR,
                                       monitor.set_addresses(monitor.queues[0], used=16)), 0)
        self.assert_broken(monitor, "its rings were moved out of the guest's memory")


if __name__ == "__main__":
    peer.main()
