"""Monitors that come and go in every way, the server's start and end."""

import os
import signal
import socket
import subprocess
import sys

import vhost_peer as peer
from vhost_peer import header, operation, u64


class Lifecycle(peer.VhostCase):
    def busy(self):
        """With requests parked, mapped and under way."""
        monitor = self.monitor()
        monitor.begin(operation(peer.PARK, 1), 48)
        monitor.begin(operation(peer.MAP, 0, 0, peer.PAGE), 8)
        monitor.begin(operation(peer.PARK, 1), 48, peer.CURSOR)
        monitor.begin(operation(peer.ECHO), 48)
        return monitor

    def settled(self):
        return peer.eventually(lambda: self.server.descriptors() == self.before)

    def test_100_monitors(self):
        for _ in range(100):
            monitor = self.busy()
            self.end(monitor)
        self.assertTrue(self.settled(), (self.before, self.server.descriptors()))
        self.assertEqual(self.server.mappings(), 0)

    def test_reset_between_monitors(self):
        self.end(self.busy())
        counts = self.monitor().counts()
        self.assertEqual(counts["parked"], 0)
        self.assertEqual(counts["mappings"], 0)

    def test_hang_up_anywhere(self):
        """After each message of a start, and inside each."""
        monitor = self.monitor(ready=False)
        notifier = peer.Notifier(peer.KINDS[0])
        payload, fds = monitor.table()
        fds = [os.dup(fd) for fd in fds]
        queue = peer.Queue(monitor.memory, 0x1000)
        messages = [
            (peer.GET_FEATURES, b"", []), (peer.SET_PROTOCOL_FEATURES, u64(0x412629), []),
            (peer.SET_OWNER, b"", []), (peer.SET_FEATURES, u64(peer.FEATURES), []),
            (peer.SET_MEM_TABLE, payload, fds), (peer.SET_VRING_NUM, peer.state(0, 16), []),
            (peer.SET_VRING_BASE, peer.state(0, 0), []),
            (peer.SET_VRING_ADDR, monitor.set_addresses(queue), []),
            (peer.SET_VRING_KICK, u64(0), [notifier.read_fd]),
            (peer.SET_VRING_CALL, u64(0), [notifier.write_fd]),
            (peer.SET_VRING_ENABLE, peer.state(0, 1), []),
            (peer.GET_VRING_BASE, peer.state(0, 0), []),
        ]
        self.end(monitor)
        for count in range(len(messages)):
            for whole in (True, False):
                monitor = self.monitor(ready=False)
                for request, data, descriptors in messages[:count]:
                    monitor.message(request, data, descriptors)
                request, data, descriptors = messages[count]
                data = header(request, len(data)) + data
                monitor.send(data if whole else data[:-1], descriptors)
                self.end(monitor)
        queue.close()
        notifier.close()
        for fd in fds:
            os.close(fd)

    def test_second_monitor(self):
        """It is sent away; the first one does not notice."""
        first = self.monitor()
        for count in range(3):
            second = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            second.connect(self.server.path)
            second.settimeout(peer.PATIENCE)
            self.assertEqual(second.recv(1), b"")
            second.close()
            first.echo(b"%d" % count)
        self.server.wait_for_log("a connection was closed: this device belongs to a monitor that "
                                 "is connected", 3)

    def test_end_while_connected(self):
        """The exit code is 0 (tearDown), the socket file is gone, descriptors are closed."""
        monitor = self.busy()
        os.close(monitor.receive_map()[2])
        self.assertEqual(self.server.stop(), 0, self.server.log())
        self.assertTrue(monitor.is_closed())
        self.assertEqual(monitor.channel.recv(1), b"")
        self.assertFalse(os.path.exists(self.server.path))
        self.monitors.remove(monitor)
        monitor.close()
        self.server.close()
        super().setUp()

    def test_killed_server(self):
        """Its successor takes the socket; the monitor connects again and starts its queues where
        they are."""
        monitor = self.monitor()
        for count in range(3):
            monitor.echo(b"%d" % count)
        self.server.process.kill()
        self.server.process.wait()
        self.assertTrue(monitor.is_closed())
        path = self.server.path
        with open(self.server.log_path, "wb") as log:
            self.server.process = subprocess.Popen([sys.argv[1], path], stdin=subprocess.DEVNULL,
                                                   stdout=log, stderr=log)
        self.server.wait_for_log("listening")
        self.count_descriptors()
        monitor.socket.close()
        monitor.connect()
        monitor.channel.close()
        monitor.negotiate()
        monitor.set_memory()
        for queue in monitor.queues:
            monitor.start_queue(queue, queue.next_used)
        monitor.echo(b"after")
        monitor.echo(b"after", queue=peer.CURSOR)

    def test_busy_device_is_waited_for(self):
        """A device that breaks its promise not to block: the monitor gets its answer all the
        same."""
        monitor = self.monitor()
        monitor.begin(operation(peer.SLEEP, 300), 0)
        self.assertEqual(len(monitor.ask(peer.GET_CONFIG, bytes([0, 0, 0, 0, 4, 0, 0, 0] + [0] * 8)
                                         )), 16)

    def test_tables_wait_for_nobody(self):
        """A table is acknowledged while the device is busy."""
        monitor = self.monitor()
        request = monitor.begin(operation(peer.SLEEP, 3000), 0)
        for _ in range(5):
            monitor.set_memory()
        self.assertEqual(monitor.queues[0].get_used(), 0)
        self.assertEqual(monitor.wait_used(), [(request.head, 0)])

    def test_stop_in_a_call(self):
        """SIGTERM while the control thread waits for the device."""
        monitor = self.monitor()
        monitor.begin(operation(peer.SLEEP, 300), 0)
        monitor.message(peer.GET_VRING_BASE, peer.state(0, 0))
        self.server.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.server.process.wait(peer.PATIENCE), 0)
        self.monitors.remove(monitor)
        monitor.close()
        self.server.close()
        super().setUp()


class SocketFile(peer.VhostCase):
    def test_live_socket(self):
        second = subprocess.run([sys.argv[1], self.server.path], stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, timeout=peer.PATIENCE, check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"{self.server.path}: another server is listening there", second.stderr)
        self.monitor().echo(b"")

    def test_long_path(self):
        path = os.path.join(self.server.folder.name, "x" * 200)
        second = subprocess.run([sys.argv[1], path], stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, timeout=peer.PATIENCE, check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn("the path is too long for a socket", second.stderr)


if __name__ == "__main__":
    peer.main()
