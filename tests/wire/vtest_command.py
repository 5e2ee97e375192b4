"""The command line: `vesper vtest`, its options, exit codes and signals."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import vtest_peer as peer

USAGE = 2
VESPER = sys.argv[1]


def vesper(*arguments, **options):
    return subprocess.run([VESPER, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=peer.PATIENCE, check=False, **options)


class Usage(unittest.TestCase):
    def check(self, arguments, text):
        """Exit code 2 and one sentence, nothing on standard output."""
        result = vesper(*arguments)
        self.assertEqual((result.returncode, result.stdout), (USAGE, ""), arguments)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertTrue(result.stderr.startswith("vesper: "), result.stderr)
        self.assertIn(text, result.stderr)

    def test_help(self):
        for arguments, text in ((["--help"], "vtest"), (["-h"], "vtest"), (["help"], "vtest"),
                                (["vtest", "--help"], "--max-clients N"),
                                (["vtest", "--socket", "x", "-h"], "--socket PATH")):
            result = vesper(*arguments)
            self.assertEqual((result.returncode, result.stderr), (0, ""), arguments)
            self.assertIn(text, result.stdout)

    def test_version(self):
        result = vesper("--version")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertRegex(result.stdout, r"^vesper \d+\.\d+\.\d+\n$")

    def test_nothing(self):
        result = vesper()
        self.assertEqual((result.returncode, result.stdout), (USAGE, ""))
        self.assertIn("Usage: vesper COMMAND", result.stderr)

    def test_program_that_is_missing(self):
        with tempfile.TemporaryDirectory() as folder:
            alone = shutil.copy(VESPER, folder)
            result = subprocess.run([alone, "vtest", "--help"], stdin=subprocess.DEVNULL,
                                    capture_output=True, text=True, timeout=peer.PATIENCE,
                                    check=False)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(result.stderr, "vesper: vesper-vtest cannot be started: "
                                        "No such file or directory\n")

    def test_unknown(self):
        self.check(["nonsense"], "unknown command 'nonsense'")
        self.check(["vtest", "--nonsense"], "unknown argument '--nonsense'")
        self.check(["vtest", "nonsense"], "unknown argument 'nonsense'")
        self.check(["vtest", "--max-clientsx=3"], "unknown argument '--max-clientsx=3'")

    def test_missing_values(self):
        self.check(["vtest", "--socket"], "--socket needs a value")
        self.check(["vtest", "--max-clients"], "--max-clients needs a value: a whole number")
        self.check(["vtest", "--socket="], "--socket ''")

    def test_numbers(self):
        for value in ("0", "-1", "+1", " 1", "1 ", "x", "1x", "1K", "4294967296", "1" * 30):
            self.check(["vtest", "--max-clients", value], f"--max-clients '{value}': expected a")
        for value in ("-1", "x", "1K", "", "4294967296"):
            self.check(["vtest", "--spare-workers", value], f"--spare-workers '{value}'")
        self.check(["vtest", "--spare-workers=9"], "8 are the most")
        for value in ("0", "0K", "1KK", "1T", "K", "4G", "99999999999999999999"):
            self.check(["vtest", f"--max-message-bytes={value}"], f"--max-message-bytes '{value}'")
        self.check(["vtest", "--max-memory-bytes", "18014398509481984K"], "--max-memory-bytes")
        self.check(["vtest", "--max-message-bytes", "4095"], "4096 bytes are the least")

    def test_log_levels(self):
        self.check(["vtest", "--log-level", "loud"], "expected error, warning, info or debug")

    def test_full_standard_output(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("this system has no /dev/full")
        with open("/dev/full", "w", encoding="ascii") as full:
            result = subprocess.run([VESPER, "--help"], stdout=full, stderr=subprocess.PIPE,
                                    text=True, timeout=peer.PATIENCE, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr, "vesper: standard output cannot be written\n")


class Serve(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="vtest-")
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "socket")
        self.env = os.environ | {"XDG_CACHE_HOME": os.path.join(self.folder.name, "cache")}

    def start(self, *arguments):
        """A server that listens."""
        process = subprocess.Popen([VESPER, "vtest", "--socket", self.path, *arguments],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True, env=self.env)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        line = process.stderr.readline()
        if "Vulkan" in line:
            self.skipTest(line.strip())
        self.assertEqual(line, f"vesper: info: listening on {self.path}\n")
        return process

    def test_signals(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.start()
            guest = peer.Guest(self)
            guest.ping()
            process.send_signal(number)
            self.assertEqual(process.wait(peer.PATIENCE), 0)
            self.assertTrue(guest.is_closed())
            guest.close()
            self.assertFalse(os.path.exists(self.path))

    def test_no_spare_workers(self):
        self.start("--isolation=process", "--spare-workers=0").send_signal(signal.SIGTERM)

    def test_capset(self):
        """What any guest needs, and the same for all."""
        self.start()
        answers = []
        for _ in range(2):
            guest = peer.Guest(self, ready=False)
            guest.request(peer.GET_CAPSET, 4, 0)
            answers.append(guest.receive_words(3 + 40))
            guest.close()
        self.assertEqual(answers[0], answers[1])
        self.assertEqual(answers[0][:3], (41, peer.GET_CAPSET, 1))
        capset = answers[0][3:]
        self.assertEqual(capset[0], 1, "wire format version")
        self.assertEqual(capset[4], 1, "supports_blob_id_0")
        self.assertEqual(capset[5] & 1, 1, "the extension mask is valid")
        self.assertEqual(capset[37:39], (1, 1), "allow_vk_wait_syncs, supports_multiple_timelines")

    def test_options(self):
        process = self.start("--max-clients=1", "--max-syncs", "2", "--max-message-bytes=4K",
                             "--max-objects", "1000")
        guest = peer.Guest(self)
        extra = peer.Guest(self, ready=False)
        self.assertTrue(extra.is_closed())
        extra.close()
        self.assertIn("the limit of 1 clients is reached", process.stderr.readline())
        for _ in range(2):
            guest.create_sync()
        guest.request(peer.SYNC_CREATE, 0, 0)
        self.assertTrue(guest.is_closed())
        guest.close()
        self.assertIn("the limit of 2 syncs is reached", process.stderr.readline())

    def test_socket_in_use(self):
        self.start()
        result = vesper("vtest", "--socket", self.path, env=self.env)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr,
                         f"vesper: {self.path}: another server is listening there\n")


if __name__ == "__main__":
    peer.main()
