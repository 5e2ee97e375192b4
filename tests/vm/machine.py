"""A small Linux guest on a stock QEMU: boots, runs commands inside, brings back what they wrote.

    with Machine(vesper_device(socket)) as machine:
        print(machine.check("vulkaninfo --summary", mesa="stable"))
        server_log = machine.begin("weston", mesa="backports")
        …

One machine runs many commands, one after another or beside each other. Inside, /mnt/programs is
the build's tests/guest, read only, and /mnt/out is the folder `machine.out` of the host, for
files that a command leaves. The rest of the file system may be written to and is forgotten.

Leaving the `with` block ends QEMU, and so does the death of this process. If the block fails, the
logs are shown. A Machine belongs to one thread."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import image
import qemu
from qemu import plain_device, vesper_device  # noqa: F401 # for those who import this

BOOT_SECONDS = 180
SHOWN_LINES = 60


class MachineError(Exception):
    """The machine ended, did not answer in time, or a command failed."""


def leave_on_sigterm():
    """So that a test that is ended runs its clean-up."""
    if threading.current_thread() is threading.main_thread():
        if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


class Machine:
    """`device`: the GPU's arguments, by default those of QEMU's own without 3D; `programs`: the
    folder that /mnt/programs shows; `environment`: more variables for QEMU; all others as in
    qemu.Settings."""

    def __init__(self, device=None, kernel="backports", memory="2G", memory_backend="memfd",
                 programs=None, extra=(), append="", environment=None, **settings):
        device = plain_device() if device is None else device
        self.settings = qemu.Settings(device, kernel, memory, memory_backend, extra=extra,
                                      append=append, **settings)
        self.programs = programs or image.REPO / "build" / "release" / "tests" / "guest"
        self.environment = environment or {}
        self.folder = None
        self.out = None
        self.process = None
        self.line = None
        self.received = b""
        self.boots = 0
        self.statuses = {}
        self.number = 0
        self.monitor = None

    # ---- life ----------------------------------------------------------------------------------

    def __enter__(self):
        leave_on_sigterm()
        try:
            self.start()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind is not None:
                self.show_logs()
        finally:
            self.stop()

    def prepare(self):
        """Makes the machine's folder; returns the image's."""
        place = image.folder()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vesper-vm."))
        self.out = self.folder / "out"
        self.out.mkdir()
        if not os.path.isdir(self.programs):
            self.programs = self.folder / "programs"
            self.programs.mkdir()
        image.ram_disk(place / self.settings.kernel / "initrd", self.folder / "ramdisk")
        return place

    def start(self):
        place = self.prepare()
        console = f"file,id=console,path={self.folder}/console.log"
        command = self.command(qemu.compose(self.settings, place, self.folder, self.programs,
                                            console))
        with open(self.folder / "qemu.log", "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, start_new_session=True,
                                            env=dict(os.environ, **self.environment))
        self.line = self.connect("agent")
        self.wait_ready()

    def command(self, line):
        """What is started, of QEMU's command line."""
        return line

    def connect(self, name):
        deadline = time.monotonic() + 30
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self.folder / name))
                return connection
            except OSError:
                connection.close()
                if self.process.poll() is not None:
                    raise self.ended() from None
                if time.monotonic() > deadline:
                    raise MachineError(f"QEMU does not listen at {name}") from None
                time.sleep(0.02)

    def wait_ready(self, boots=1, seconds=BOOT_SECONDS):
        """Waits until the agent has started `boots` times: 2 after a reboot."""
        self.wait_until(lambda: self.boots >= boots, seconds, "the boot")

    def reboot(self, seconds=BOOT_SECONDS):
        """As a reset button does; what ran is gone."""
        boots = self.boots
        self.send("0 reboot")
        self.wait_ready(boots + 1, seconds)

    def power_off(self, seconds=30):
        self.send("0 poweroff")
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise MachineError(f"the machine is not off after {seconds} s") from None

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for connection in (self.line, self.monitor):
            if connection:
                connection.close()
        self.line = self.monitor = None
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    # ---- the agent's line ----------------------------------------------------------------------

    def ended(self):
        """The error that says so, with what QEMU said."""
        try:
            status = f"status {self.process.wait(5)}"
        except subprocess.TimeoutExpired:
            status = "its line is closed"
        return MachineError(f"the machine has ended ({status})\n{self.qemu_log()}".rstrip())

    def send(self, text):
        try:
            self.line.sendall(text.encode() + b"\n")
        except OSError:
            raise self.ended() from None

    def receive(self, seconds):
        """Takes what the agent says within so many seconds, if anything."""
        self.line.settimeout(max(seconds, 0.001))
        try:
            data = self.line.recv(4096)
        except TimeoutError:
            return
        except OSError:
            data = b""
        if not data:
            raise self.ended()
        *lines, self.received = (self.received + data).split(b"\n")
        for line in lines:
            number, _, status = line.decode(errors="replace").partition(" ")
            if number == "0" and status == "ready":
                self.boots += 1
            elif number.isdigit() and status.isdigit():
                self.statuses[int(number)] = int(status)

    def wait_until(self, condition, seconds, what, step=1.0):
        deadline = time.monotonic() + seconds
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0:
                raise MachineError(f"{what}: not done after {seconds} s")
            try:
                self.receive(min(left, step))
            except MachineError as error:
                raise MachineError(f"{what}: {error}") from None

    # ---- commands ------------------------------------------------------------------------------

    def begin(self, command, mesa=None):
        """Starts a shell command (or script) that runs beside others; returns its number. `mesa`
        is "stable" or "backports": the guest driver that it uses."""
        self.number += 1
        if mesa:
            command = f"exec with-mesa {mesa} sh -c {quoted(command)}"
        (self.out / f"{self.number}.sh").write_text(command + "\n", encoding="utf-8")
        self.send(f"{self.number} run")
        return self.number

    def finish(self, number, seconds=60):
        """Waits for a command and returns (status, output). One that takes longer is ended, with
        all that it has started in its process group."""
        try:
            self.wait_until(lambda: number in self.statuses, seconds, f"command {number}")
        except MachineError as error:
            self.kill(number)
            raise MachineError(f"{error}: {self.script(number)}\n{self.output(number)}") from None
        return self.statuses[number], self.output(number)

    def run(self, command, seconds=60, mesa=None):
        """Runs a shell command; (status, output)."""
        return self.finish(self.begin(command, mesa), seconds)

    def check(self, command, seconds=60, mesa=None):
        """Runs a shell command that must succeed; returns its output."""
        status, output = self.run(command, seconds, mesa)
        if status != 0:
            raise MachineError(f"status {status}: {command}\n{output}")
        return output

    def signal(self, number, name="TERM"):
        """Sends a signal to the process group of a command."""
        self.send(f"{number} signal {name}")

    def kill(self, number):
        try:
            self.signal(number, "KILL")
        except MachineError:
            pass

    def is_running(self, number):
        self.receive(0)
        return number not in self.statuses

    def script(self, number):
        return (self.out / f"{number}.sh").read_text(encoding="utf-8").strip()

    def output(self, number):
        """What a command has written so far."""
        try:
            return (self.out / f"{number}.log").read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def wait_output(self, number, text, seconds=60):
        """Waits until a running command has written `text`; returns all that it has written."""
        try:
            self.wait_until(lambda: text in self.output(number) or number in self.statuses,
                            seconds, f"command {number} writes {text!r}", step=0.05)
        except MachineError as error:
            raise MachineError(f"{error}\n{self.output(number)}") from None
        output = self.output(number)
        if text not in output:
            raise MachineError(f"command {number} never wrote {text!r}:\n{output}")
        return output

    # ---- logs and the monitor ------------------------------------------------------------------

    def qemu_log(self):
        return (self.folder / "qemu.log").read_text(encoding="utf-8", errors="replace")

    def console(self):
        """What the kernel wrote: warnings and worse, from the start."""
        return (self.folder / "console.log").read_text(encoding="utf-8", errors="replace")

    def kernel_log(self):
        """The kernel's whole log, if the machine still answers."""
        return self.run("dmesg", 20)[1]

    def show_logs(self):
        for name, read in (("QEMU", self.qemu_log), ("console", self.console),
                           ("kernel", self.kernel_log)):
            try:
                lines = read().splitlines()[-SHOWN_LINES:]
            except (OSError, TypeError, AttributeError, MachineError):
                continue
            print(f"-- {name}", *lines, sep="\n", file=sys.stderr, flush=True)

    def qmp(self, command, **arguments):
        """A command to QEMU's monitor; returns its answer."""
        if not self.monitor:
            self.monitor = self.connect("qmp")
            self.monitor.settimeout(30)
            self.monitor = self.monitor.makefile("rw", encoding="utf-8")
            self.monitor.readline()
            self.qmp("qmp_capabilities")
        self.monitor.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.monitor.flush()
        while True:
            text = self.monitor.readline()
            if not text:
                raise MachineError(f"QEMU has ended during {command}")
            answer = json.loads(text)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise MachineError(f"{command}: {answer['error']['desc']}")


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"
