"""What a monitor and the server say before the queues run, and configuration space."""

import os
import struct

import vhost_peer as peer
from vhost_peer import u64


class Negotiation(peer.VhostCase):
    def test_as_qemu(self):
        """Every message of QEMU 11.1.3's start, with the answers it relies on."""
        monitor = self.monitor(ready=False)
        features = monitor.ask_u64(peer.GET_FEATURES)
        self.assertEqual(features, peer.FEATURES)
        protocol = monitor.ask_u64(peer.GET_PROTOCOL_FEATURES)
        self.assertEqual(protocol, peer.PROTOCOL_FEATURES)
        monitor.message(peer.SET_PROTOCOL_FEATURES, u64(protocol))
        self.assertEqual(monitor.ask_u64(peer.GET_QUEUE_NUM), 2)
        monitor.open_channel()
        monitor.message(peer.SET_OWNER)
        call = peer.Notifier(peer.KINDS[0])
        for index in (0, 1):
            monitor.must(peer.SET_VRING_CALL, u64(index), [call.write_fd])
            monitor.must(peer.SET_VRING_ERR, u64(index), [call.write_fd])
        call.close()
        config = monitor.ask(peer.GET_SHMEM_CONFIG)
        count, padding, *sizes = struct.unpack("=II256Q", config)
        self.assertEqual((count, padding), (1, 0))
        self.assertEqual(sizes, [0, peer.HOST_VISIBLE_BYTES] + [0] * 254)
        monitor.must(peer.SET_FEATURES, u64(peer.FEATURES))
        self.assertEqual(monitor.ask_u64(peer.GET_STATUS), 0)
        monitor.message(peer.SET_STATUS, u64(8))
        self.assertEqual(monitor.ask_u64(peer.GET_STATUS), 8)
        monitor.set_memory()
        monitor.start_queues()
        monitor.echo(b"hello")
        self.assertEqual(monitor.counts()["features"], peer.FEATURES)

    def test_missing_protocol_features(self):
        """One sentence names the QEMU that is needed."""
        for count, bit in enumerate(peer.NEEDED):
            monitor = self.monitor(ready=False)
            monitor.message(peer.SET_PROTOCOL_FEATURES,
                            u64(peer.PROTOCOL_FEATURES & ~(1 << bit)))
            self.assertTrue(monitor.is_closed())
            self.server.wait_for_log(f"of which {1 << bit:#x} are missing): QEMU 11.1 or later is "
                                     "needed")
            self.server.wait_for_log("the monitor cannot map memory into the guest", count + 1)
            self.end(monitor)

    def test_no_protocol_features(self):
        """An old monitor goes on without them."""
        monitor = self.monitor(ready=False)
        monitor.message(peer.SET_OWNER)
        monitor.message(peer.SET_FEATURES, u64(peer.VERSION_1))
        self.assert_ended(monitor, "SET_FEATURES: the monitor has not negotiated protocol "
                          "features: QEMU 11.1 or later is needed")

    def test_features_not_offered(self):
        monitor = self.monitor(ready=False)
        monitor.message(peer.SET_PROTOCOL_FEATURES, u64(peer.PROTOCOL_FEATURES | 1 << 15))
        self.assert_ended(monitor, "SET_PROTOCOL_FEATURES: 0x41a629 holds features that were not "
                          "offered (0x412629)")
        monitor = self.monitor(ready=False)
        monitor.message(peer.SET_PROTOCOL_FEATURES, u64(peer.PROTOCOL_FEATURES))
        self.assertNotEqual(monitor.do(peer.SET_FEATURES, u64(1 << 34)), 0)
        self.server.wait_for_log("SET_FEATURES: 0x400000000 holds features that were not offered "
                                 "(0x17000003f)")
        monitor.must(peer.SET_FEATURES, u64(peer.FEATURES))

    def test_refusal_without_a_reply(self):
        """Who does not ask for an answer would go on as if it had worked."""
        monitor = self.monitor(ready=False)
        monitor.message(peer.SET_PROTOCOL_FEATURES, u64(peer.PROTOCOL_FEATURES))
        monitor.message(peer.SET_FEATURES, u64(1 << 34))
        self.assert_ended(monitor, "SET_FEATURES: 0x400000000 holds")

    def test_rings_without_protocol_bit(self):
        """Without VHOST_USER_F_PROTOCOL_FEATURES queues run from their start on."""
        monitor = self.monitor(ready=False, features=peer.FEATURES & ~peer.PROTOCOL)
        monitor.negotiate()
        monitor.set_memory()
        queue = peer.Queue(monitor.memory, 0x1000)
        monitor.queues.append(queue)
        monitor.must(peer.SET_VRING_NUM, peer.state(0, queue.size))
        monitor.must(peer.SET_VRING_ADDR, monitor.set_addresses(queue))
        monitor.must(peer.SET_VRING_CALL, u64(0), [queue.call.write_fd])
        monitor.must(peer.SET_VRING_KICK, u64(0), [queue.kick.read_fd])
        monitor.echo(b"enabled")

    def test_status_is_a_byte(self):
        monitor = self.monitor()
        self.assertNotEqual(monitor.do(peer.SET_STATUS, u64(256)), 0)
        self.server.wait_for_log("SET_STATUS: 0x100 is no status of a device")

    def test_deprecated_owner(self):
        monitor = self.monitor()
        monitor.must(peer.RESET_OWNER)
        monitor.echo(b"nothing happened")


class Config(peer.VhostCase):
    def get(self, monitor, offset, size, room=None):
        room = size if room is None else room
        return monitor.ask(peer.GET_CONFIG, struct.pack("=III", offset, size, 0) + bytes(room))

    def test_read(self):
        monitor = self.monitor()
        reply = self.get(monitor, 0, 20)
        self.assertEqual(struct.unpack("=3I5I", reply), (0, 20, 0, 0, 0, 1, 1, peer.PAGE))
        self.assertEqual(struct.unpack("=3II", self.get(monitor, 16, 4))[3], peer.PAGE)

    def test_write(self):
        monitor = self.monitor()
        payload = struct.pack("=IIII", 4, 4, 0, 77)
        monitor.must(peer.SET_CONFIG, payload)
        self.assertEqual(struct.unpack("=3II", self.get(monitor, 4, 4))[3], 77)
        monitor.message(peer.SET_CONFIG, struct.pack("=IIII", 4, 4, 0, 78))
        self.assertEqual(struct.unpack("=3II", self.get(monitor, 4, 4))[3], 78)

    def test_outside(self):
        """An answer without payload is the protocol's way to say no."""
        monitor = self.monitor()
        for offset, size in ((0, 21), (20, 1), (0xFFFFFFFF, 4), (17, 4)):
            self.assertEqual(self.get(monitor, offset, size), b"")
            self.server.wait_for_log(f"GET_CONFIG: {size} bytes from byte {offset} on, of 20")
            self.assertNotEqual(monitor.do(peer.SET_CONFIG, struct.pack(
                "=III", offset, size, 0) + bytes(size)), 0)
            self.server.wait_for_log(f"SET_CONFIG: {size} bytes from byte {offset} on, of 20")

    def test_sizes_that_lie(self):
        monitor = self.monitor()
        self.assertNotEqual(monitor.do(peer.SET_CONFIG, struct.pack("=III", 0, 200, 0) + bytes(8)),
                            0)
        self.server.wait_for_log("SET_CONFIG: 200 bytes in a payload that has room for 8")
        monitor.message(peer.GET_CONFIG, struct.pack("=III", 0, 20, 0) + bytes(24))
        self.assert_ended(monitor, "GET_CONFIG: 20 bytes in a payload that has room for 24")

    def test_change(self):
        """The guest is told by a request of ours, once for several changes that were not sent."""
        monitor = self.monitor()
        monitor.run(peer.operation(peer.CONFIG, 3))
        self.assertEqual(monitor.receive_request(), (peer.CONFIG_CHANGE, b"", []))
        self.assertEqual(struct.unpack("=3I5I", self.get(monitor, 0, 20))[5], 3)
        monitor.answer(peer.CONFIG_CHANGE)
        monitor.run(peer.operation(peer.CONFIG, 4))
        self.assertEqual(monitor.receive_request(), (peer.CONFIG_CHANGE, b"", []))
        monitor.answer(peer.CONFIG_CHANGE, 1)
        self.server.wait_for_log("the monitor failed at BACKEND_CONFIG_CHANGE_MSG")
        monitor.echo(b"still")

    def test_change_without_a_channel(self):
        monitor = self.monitor(channel=False)
        monitor.run(peer.operation(peer.CONFIG, 3))
        monitor.echo(b"still")


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    peer.main()
