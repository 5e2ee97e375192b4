"""A small Linux guest on a stock QEMU: boots, runs commands inside, brings back what they wrote.

One machine runs many commands; output comes through a folder shared with the guest (MACHINE.out,
/mnt/out inside), the build's programs are at /mnt/programs inside. Whatever happens, leaving the
`with` block ends QEMU."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
STATE = "/var/lib/vesper-env"
GUEST = os.path.join(STATE, "guest")
QEMU = os.environ.get("VESPER_QEMU", "qemu-system-x86_64")

BOOT_SECONDS = 120


class MachineError(Exception):
    pass


def accelerator():
    return "kvm" if os.access("/dev/kvm", os.R_OK | os.W_OK) else "tcg,thread=multi"


def vesper_device(path):
    """QEMU's arguments for Vesper's device behind a socket."""
    return ["-chardev", f"socket,id=gpu,path={path}",
            "-device", "vhost-user-test-device-pci,chardev=gpu,virtio-id=16,num_vqs=2,"
            "vq_size=256,config_size=20"]


class Machine:
    """kernel: "stable" or "backports"; memory_backend: "memfd" or "shm"; device: arguments for
    the GPU (vesper_device(PATH), or those of QEMU's own)."""

    def __init__(self, device, kernel="backports", memory="2G", memory_backend="memfd",
                 programs=None, extra=(), append=""):
        self.kernel = kernel
        self.folder = tempfile.mkdtemp(prefix="vesper-vm.")
        self.out = os.path.join(self.folder, "out")
        self.console_path = os.path.join(self.folder, "console.log")
        self.qemu_log_path = os.path.join(self.folder, "qemu.log")
        self.process = None
        self.agent = None
        self.qmp_socket = None
        self.number = 0
        self.answers = {}
        self.arrived = threading.Condition()
        self.programs = programs or os.path.join(ROOT, "build", "release", "tests", "guest")
        self.command = self.compose(device, memory, memory_backend, extra, append)
        os.mkdir(self.out)

    def compose(self, device, memory, memory_backend, extra, append):
        folder = os.path.join(GUEST, self.kernel)
        accel = accelerator()
        words = ("console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check "
                 "random.trust_cpu=on " + append)
        return [
            QEMU, "-machine", "q35,memory-backend=mem", "-accel", accel,
            "-cpu", "host" if accel == "kvm" else "max", "-smp", "2", "-m", memory,
            "-object", f"memory-backend-{memory_backend},id=mem,size={memory},share=on",
            "-nodefaults", "-no-user-config", "-display", "none",
            "-kernel", os.path.join(folder, "vmlinux"), "-initrd", os.path.join(folder, "initrd"),
            "-append", words,
            "-drive", f"if=virtio,format=raw,readonly=on,file={GUEST}/root.erofs",
            "-chardev", f"file,id=console,path={self.console_path}", "-serial", "chardev:console",
            "-chardev", f"socket,id=agent,path={self.folder}/agent,server=on,wait=off",
            "-serial", "chardev:agent",
            "-qmp", f"unix:{self.folder}/qmp,server=on,wait=off",
            "-virtfs", f"local,path={self.programs},mount_tag=programs,security_model=none,"
            "readonly=on,multidevs=remap",
            "-virtfs", f"local,path={self.out},mount_tag=out,security_model=none,multidevs=remap",
            *device, *extra]

    # ---- life ----------------------------------------------------------------------------------

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            self.show_logs()
        self.stop()

    def start(self):
        with open(self.qemu_log_path, "wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, start_new_session=True)
        self.agent = self.connect("agent")
        threading.Thread(target=self.read_answers, daemon=True).start()
        self.wait_ready()

    def connect(self, name):
        deadline = time.monotonic() + 20
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(os.path.join(self.folder, name))
                return connection
            except OSError:
                connection.close()
                if self.process.poll() is not None:
                    raise MachineError("QEMU has ended:\n" + self.qemu_log()) from None
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def read_answers(self):
        """The agent's lines: NUMBER STATUS, and `0 ready` at every boot."""
        rest = b""
        while True:
            try:
                data = self.agent.recv(4096)
            except OSError:
                data = b""
            with self.arrived:
                if not data:
                    self.answers["closed"] = True
                rest += data
                *lines, rest = rest.split(b"\n")
                for line in lines:
                    number, _, status = line.decode(errors="replace").strip().partition(" ")
                    if number == "0" and status == "ready":
                        self.answers["boots"] = self.answers.get("boots", 0) + 1
                    elif number.isdigit() and status.isdigit():
                        self.answers[int(number)] = int(status)
                self.arrived.notify_all()
            if not data:
                return

    def wait_for(self, key, seconds, what, accept=lambda value: value is not None):
        deadline = time.monotonic() + seconds
        with self.arrived:
            while not accept(self.answers.get(key)):
                left = deadline - time.monotonic()
                if self.answers.get("closed"):
                    raise MachineError(f"the machine ended during {what}")
                if left <= 0:
                    raise MachineError(f"no answer after {seconds} s: {what}")
                self.arrived.wait(min(left, 1))
            return self.answers[key]

    def wait_ready(self, boots=1, seconds=BOOT_SECONDS):
        self.wait_for("boots", seconds, "boot", lambda value: (value or 0) >= boots)

    def stop(self):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for connection in (self.agent, self.qmp_socket):
            if connection:
                connection.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def power_off(self, seconds=30):
        self.agent.sendall(b"0 poweroff\n")
        self.process.wait(seconds)

    # ---- commands ------------------------------------------------------------------------------

    def send(self, command):
        self.number += 1
        if "\n" in command or len(command) > 3000:
            raise ValueError("one short line")
        self.agent.sendall(f"{self.number} {command}\n".encode())
        return self.number

    def run(self, command, seconds=60):
        """Runs a shell command; (status, output)."""
        number = self.send(command)
        status = self.wait_for(number, seconds, command)
        return status, self.output(number)

    def check(self, command, seconds=60):
        status, output = self.run(command, seconds)
        if status != 0:
            raise MachineError(f"{command}: status {status}\n{output}")
        return output

    def begin(self, command):
        """Starts a command that runs beside others; see finish."""
        return self.send("& " + command)

    def finish(self, number, seconds=60):
        status = self.wait_for(number, seconds, f"command {number}")
        return status, self.output(number)

    def output(self, number):
        with open(os.path.join(self.out, f"{number}.log"), encoding="utf-8",
                  errors="replace") as file:
            return file.read()

    def wait_output(self, number, text, seconds=60):
        """Waits until a running command has written `text`."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                output = self.output(number)
            except FileNotFoundError:
                output = ""
            if text in output:
                return output
            if number in self.answers or time.monotonic() > deadline:
                raise MachineError(f"command {number} never wrote {text!r}:\n{output}")
            time.sleep(0.05)

    # ---- logs and the monitor ------------------------------------------------------------------

    def qemu_log(self):
        with open(self.qemu_log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def console(self):
        with open(self.console_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def show_logs(self):
        for name, read in (("QEMU", self.qemu_log), ("console", self.console)):
            try:
                lines = read().splitlines()[-40:]
            except OSError:
                lines = []
            print(f"-- {name}", *lines, sep="\n")

    def qmp(self, command, **arguments):
        if not self.qmp_socket:
            self.qmp_socket = self.connect("qmp").makefile("rw")
            self.qmp_socket.readline()
            self.qmp("qmp_capabilities")
        self.qmp_socket.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.qmp_socket.flush()
        while True:
            answer = json.loads(self.qmp_socket.readline())
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise MachineError(f"{command}: {answer['error']}")
