#!/usr/bin/env python3
"""windows_wayland.py VESPER PRESENT: displays in windows of a Wayland compositor (weston) without a
screen, pixel for pixel. PRESENT: as --display=window,present= takes it. Nothing here can resize or
close a window as a person does: windows.py does that on an X server."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import environment  # noqa: E402
from ctl import World, expect  # noqa: E402
from display_guest import Guest, wait  # noqa: E402
from environment import Failure, Skip  # noqa: E402

import picture  # noqa: E402  (display_guest says where)

SCREEN = (1024, 768)
SECONDS = 30
PROGRAMS = ("weston", "weston-screenshooter")
SETTINGS = """[core]
idle-time=0
[shell]
panel-position=none
animation=none
startup-animation=none
close-animation=none
focus-animation=none
background-color=0xff102030
locking=false
"""


class Compositor:
    """weston with one output; `shell`: "desktop" puts windows anywhere, "kiosk" makes each as large
    as the output."""

    def __init__(self, world, shell):
        self.folder = world.folder
        self.environment = {"WAYLAND_DISPLAY": "wayland-" + shell, "SDL_VIDEO_DRIVER": "wayland"}
        self.env = world.env | self.environment
        settings = self.folder / "weston.ini"
        settings.write_text(SETTINGS, encoding="utf-8")
        width, height = SCREEN
        with open(self.folder / "weston.out", "wb") as output:
            self.process = subprocess.Popen(
                ["weston", "--backend=headless", "--renderer=pixman", f"--shell={shell}",
                 f"--width={width}", f"--height={height}", "--socket=wayland-" + shell,
                 f"--config={settings}", "--debug"],
                env=self.env, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            wait((world.runtime / self.environment["WAYLAND_DISPLAY"]).exists, self.log)
        except Failure:
            self.stop()
            raise

    def log(self):
        return "weston does not start:\n" + (self.folder / "weston.out").read_text()

    def look(self):
        """What its screen shows."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            done = subprocess.run(["weston-screenshooter"], cwd=folder, timeout=SECONDS, text=True,
                                  env=self.env | {"XDG_PICTURES_DIR": folder},
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
            names = os.listdir(folder)
            expect(done.returncode == 0 and len(names) == 1, f"no screenshot: {done.stdout}")
            return picture.from_png(self.folder / folder / names[0])

    def shows(self, wanted):
        return find(self.look(), wanted)

    def wait_picture(self, wanted):
        wait(lambda: self.shows(wanted), f"a picture of {wanted.size} is not on the screen")

    def stop(self):
        self.process.terminate()
        self.process.wait(SECONDS)


def get_row(seen, y):
    return seen.rgb[y * seen.width * 3:(y + 1) * seen.width * 3]


def find(screen, wanted):
    """Whether all of it is somewhere on the screen, pixel for pixel."""
    first = get_row(wanted, 0)
    for y in range(screen.height - wanted.height + 1):
        at = get_row(screen, y).find(first)
        if at >= 0 and at % 3 == 0:
            return all(get_row(screen, y + line)[at:at + len(first)] == get_row(wanted, line)
                       for line in range(wanted.height))
    return False


@contextlib.contextmanager
def machine(world, shell, displays):
    compositor = Compositor(world, shell)
    world.env |= compositor.environment
    try:
        with world.session("w", f"--outputs={displays}", "--size=320x240",
                           f"--display=window,present={sys.argv[2]}"):
            guest = Guest(world.folder / "gpu-w", displays)
            try:
                yield compositor, guest
            finally:
                guest.close()
    finally:
        compositor.stop()


def check_desktop(world):
    """One window, changed and of another mode; a second one, the newest and so above the first."""
    with machine(world, "desktop", 2) as (compositor, guest):
        guest.draw(0, 320, 240)
        compositor.wait_picture(guest.shown[0].picture())
        guest.change(0, 30, 40, 50, 60)
        compositor.wait_picture(guest.shown[0].picture())
        guest.draw(0, 201, 303)
        compositor.wait_picture(guest.shown[0].picture())
        world.must("--name", "w", "display", "2", "300x200")
        guest.wait_modes((320, 240), (300, 200))
        guest.draw(1, 300, 200)
        compositor.wait_picture(guest.shown[1].picture())
        # Unplugged it is not seen, and plugged again it is.
        for _ in range(3):
            world.must("--name", "w", "display", "2", "disconnect")
            guest.wait_modes((320, 240), None)
            compositor.wait_picture(guest.shown[0].picture())
            expect(not compositor.shows(guest.shown[1].picture()), "an unplugged display is seen")
            world.must("--name", "w", "display", "2", "connect")
            guest.wait_modes((320, 240), (300, 200))
            compositor.wait_picture(guest.shown[1].picture())


def check_kiosk(world):
    """The compositor chooses the window's size, which becomes the guest's mode."""
    with machine(world, "kiosk", 1) as (compositor, guest):
        guest.draw(0, 320, 240)
        guest.wait_modes(SCREEN)
        guest.draw(0, *SCREEN)
        compositor.wait_picture(guest.shown[0].picture())
        guest.change(0, 500, 400, 300, 200)
        compositor.wait_picture(guest.shown[0].picture())


def main():
    for program in PROGRAMS:
        if not shutil.which(program):
            raise Skip(f"there is no {program}")
    with tempfile.TemporaryDirectory(prefix="vesper-w.") as folder:
        world = World(os.path.abspath(sys.argv[1]), folder)
        # The toolkit opens a driver of OpenGL here and unloads it: what that has leaked has no name any
        # more by which it could be told from ours. windows.py looks for ours.
        world.env["ASAN_OPTIONS"] = world.env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        for check in (check_desktop, check_kiosk):
            print("--", check.__name__.replace("_", " "), flush=True)
            check(world)


if __name__ == "__main__":
    environment.conclude(main)
