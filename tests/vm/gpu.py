"""The virtual GPUs that a test machine can have, each with its way to take pictures of displays.

`Vesper` runs `vesper serve`; `Stock` is QEMU's own virtio-gpu-pci, against which the tests
themselves are checked. A GPU belongs to one thread and to one machine at a time."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import host
import picture
import qemu

LISTEN_SECONDS = 30
SCREEN_SECONDS = 5
STOP_SECONDS = 20
ANSWER_SECONDS = 60


class GpuError(Exception):
    """The GPU's process failed, or refused a request."""


class Gpu:
    """What both have. Used as a context manager around the machine's; if the block fails, the log is
    shown. Displays are small: every pixel is computed by an emulated processor, and compared here."""
    width, height = 800, 600
    venus = False          # executes Vulkan
    plugs = False          # displays can be plugged and unplugged
    several = True         # there are several displays
    shows_dark = False     # a display without a picture can be told from one with an old picture
    shows_cursor = False   # the cursor is in the picture

    def __init__(self, outputs=2):
        self.outputs = outputs
        self.folder = None
        self.pictures = 0

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vesper-gpu."))
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None and self.log():
            print("-- the GPU", self.log(), sep="\n", file=sys.stderr)
        self.stop()

    def start(self):
        """Whatever must run before the machine."""

    def stop(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def settings(self):
        """Arguments for Machine."""
        raise NotImplementedError

    def capture(self, machine, scanout):
        """The picture that is on a display now, or None where there never was one."""
        raise NotImplementedError

    def request(self, text):
        """Does what a program asks for, such as `display 1 off`."""
        raise GpuError(f"this GPU does not do this: {text}")

    def next_path(self):
        self.pictures += 1
        return self.folder / f"{self.pictures}.png"

    def log(self):
        return ""


class Vesper(Gpu):
    venus = plugs = shows_dark = shows_cursor = True

    def __init__(self, program, outputs=2, mesa="backports", arguments=()):
        super().__init__(outputs)
        self.display = "capture"
        self.environment = {}
        self.program = program
        self.host = mesa
        self.arguments = arguments
        self.process = None
        self.control = None

    def start(self):
        environment = dict(host.environment(self.host, self.folder, server=True),
                           **self.environment)
        # Even where this process is killed, nothing of it stays behind.
        guard = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
        command = [*guard, self.program, "serve", "--socket", str(self.folder / "gpu"),
                   "--control", str(self.folder / "control"), "--display", self.display,
                   "--outputs", str(self.outputs), "--size", f"{self.width}x{self.height}",
                   *self.arguments]
        with open(self.folder / "vesper.log", "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, env=environment)
        deadline = time.monotonic() + LISTEN_SECONDS
        while not (self.folder / "gpu").exists() or not (self.folder / "control").exists():
            if self.process.poll() is not None:
                raise GpuError(f"vesper serve ended at once:\n{self.log()}")
            if time.monotonic() > deadline:
                raise GpuError(f"vesper serve does not listen:\n{self.log()}")
            time.sleep(0.02)
        self.control = socket.socket(socket.AF_UNIX)
        self.control.settimeout(ANSWER_SECONDS)
        self.control.connect(str(self.folder / "control"))
        self.control = self.control.makefile("rw", encoding="utf-8")

    def stop(self):
        if self.control:
            self.control.close()
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        super().stop()

    def check_alive(self):
        if self.process.poll() is not None:
            raise GpuError(f"vesper serve ended with status {self.process.returncode}")

    def settings(self):
        return {"device": qemu.vesper_device(self.folder / "gpu")}

    def ask(self, text):
        """One request of the control socket; (done, the rest of the answer)."""
        self.control.write(text + "\n")
        self.control.flush()
        verdict, _, rest = self.control.readline().strip().partition(" ")
        if verdict not in ("ok", "error"):
            raise GpuError(f"{text}: vesper serve has gone")
        return verdict == "ok", rest

    def request(self, text):
        done, answer = self.ask(text)
        if not done:
            raise GpuError(f"{text}: {answer}")

    def counts(self):
        """What the guest has, by name."""
        done, answer = self.ask("counts")
        if not done:
            raise GpuError(f"counts: {answer}")
        return {name: int(value) for name, _, value in
                (word.partition("=") for word in answer.split())}

    def capture(self, machine, scanout):
        path = self.next_path()
        done, answer = self.ask(f"capture {scanout} {path}")
        if not done and "No data" in answer:
            return None
        if not done:
            raise GpuError(f"capture: {answer}")
        seen = picture.from_png(path)
        path.unlink()
        return seen

    def log(self):
        try:
            return (self.folder / "vesper.log").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""


class XServer:
    """Without a screen: what it would show is in the file `screen`, in `folder`."""

    def __init__(self, folder, width, height):
        reading, writing = os.pipe()
        self.screen = folder / "Xvfb_screen0"
        with open(folder / "xvfb.log", "wb") as log:
            self.process = subprocess.Popen(
                ["Xvfb", "-displayfd", str(writing), "-fbdir", folder, "-nolisten", "tcp",
                 "-nocursor", "-noreset", "-screen", "0", f"{width}x{height}x24"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[writing])
        os.close(writing)
        with os.fdopen(reading) as answer:
            number = answer.readline().strip()
        if not number:
            raise GpuError("Xvfb does not start:\n" + (folder / "xvfb.log").read_text())
        self.environment = {"DISPLAY": f":{number}"}

    def stop(self):
        self.process.terminate()
        self.process.wait(STOP_SECONDS)


class Window(Vesper):
    """`vesper serve` with a window on an X server of its own, whose screen is what is looked at: as
    large as the window, which no window manager moves; or as all windows beside each other."""
    plugs = several = False

    def __init__(self, program, options="", outputs=1, **arguments):
        super().__init__(program, outputs=outputs, **arguments)
        self.display = "window" + options
        self.server = None

    def start(self):
        self.server = XServer(self.folder, self.width * self.outputs, self.height)
        self.environment = dict(self.server.environment, SDL_VIDEO_DRIVER="x11")
        super().start()

    def stop(self):
        if self.server:
            self.server.stop()
        super().stop()

    def capture(self, machine, scanout):
        """The screen where the window is; how large that is, vesper's own picture tells. The screen
        comes after that picture: it is given time to become the same."""
        shown = super().capture(machine, scanout)
        deadline = time.monotonic() + SCREEN_SECONDS
        while shown:
            screen = picture.from_xwd(self.server.screen).crop(shown.width, shown.height)
            if screen.rgb == shown.rgb or time.monotonic() > deadline:
                return screen
            time.sleep(0.05)
        return shown


class Stock(Gpu):
    """`extra`: more properties, such as ",blob=on"."""

    def __init__(self, outputs=2, extra=""):
        super().__init__(outputs)
        self.extra = extra

    def settings(self):
        return {"device": ["-device",
                           f"virtio-gpu-pci,id=gpu,max_outputs={self.outputs},"
                           f"xres={self.width},yres={self.height}{self.extra}"]}

    def capture(self, machine, scanout):
        path = self.next_path()
        machine.qmp("screendump", filename=str(path), device="gpu", head=scanout, format="png")
        seen = picture.from_png(path)
        path.unlink()
        return seen
