#!/usr/bin/env python3
"""windows.py VESPER PRESENT: displays in windows of an X server without a screen, while they are resized,
closed and plugged again, pixel for pixel. PRESENT: as --display=window,present= takes it."""

import contextlib
import json
import os
import random
import re
import shutil
import socket
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import environment  # noqa: E402
import x_screen  # noqa: E402
from ctl import World, expect  # noqa: E402
from display_guest import Guest, wait  # noqa: E402
from environment import Skip  # noqa: E402

import gpu  # noqa: E402  (display_guest says where)
import picture  # noqa: E402

SCREEN = (1280, 1024)
REST = 1.0  # seconds in which a change that must not come would have come: several times 250 ms
STORM_STEPS = 400
STORM_SECONDS = 20
STORM_STEPS_MIN = 40  # on a machine that is slow
STORM_DISPLAYS = 4
GPU_SECONDS = 75  # it is tried again after 10 seconds, and after 20 and 40 more


class Control:
    """Requests to a session, without a process for each."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rw", encoding="utf-8")

    def ask(self, text):
        self.file.write(text + "\n")
        self.file.flush()
        answer = self.file.readline()
        expect(answer.startswith("ok"), f"{text}: {answer}")

    def close(self):
        self.file.close()
        self.socket.close()


@contextlib.contextmanager
def machine(world, displays, options="", size="320x240"):
    """A guest with so many displays, the first plugged, on vesper serve with windows."""
    with world.session("w", f"--outputs={displays}", f"--size={size}",
                       f"--display=window,present={sys.argv[2]}" + options) as process:
        guest = Guest(world.folder / "gpu-w", displays)
        try:
            yield process, guest
        finally:
            guest.close()


def ask(world, *words):
    """vesper ctl, which may see other sessions of this user, too."""
    return world.must("--name", "w", *words)


def check_pictures(guest, screen):
    for scanout, shown in guest.shown.items():
        screen.wait_picture(scanout + 1, shown.picture())


def open_all(world, guest, screen, sizes):
    """Plugs displays of these sizes, draws on each, and puts their windows side by side."""
    for index, (width, height) in enumerate(sizes):
        ask(world, "display", str(index + 1), f"{width}x{height}")
    guest.wait_modes(*sizes, *[None] * (guest.displays - len(sizes)))
    for index, size in enumerate(sizes):
        guest.draw(index, *size)
    screen.wait_sizes(dict(enumerate(sizes, 1)))
    screen.put_apart(range(1, len(sizes) + 1))
    check_pictures(guest, screen)


def check_displays(world, screen, sizes):
    with machine(world, len(sizes)) as (_, guest):
        open_all(world, guest, screen, sizes)
        for scanout in range(len(sizes)):
            guest.change(scanout, 17, 29, 40, 31)
            guest.change(scanout, 0, 0, 1, 1)
            guest.change(scanout, sizes[scanout][0] - 3, sizes[scanout][1] - 2, 3, 2)
        check_pictures(guest, screen)


def check_two(world, screen):
    check_displays(world, screen, [(320, 240), (301, 203)])


def check_four(world, screen):
    check_displays(world, screen, [(320, 240), (300, 200), (123, 321), (401, 97)])


def check_resizing(world, screen):
    """The guest follows a window once its size has rested."""
    with machine(world, 2) as (_, guest):
        open_all(world, guest, screen, [(320, 240), (300, 200)])
        guest.modes()
        before = guest.changes
        for step in range(20):
            screen.resize(1, 330 + step, 250 + step)
        guest.wait_modes((349, 269), (300, 200))
        expect(guest.changes - before < 10, f"{guest.changes - before} changes for one resize")
        guest.draw(0, 349, 269)
        screen.wait_sizes({1: (349, 269), 2: (300, 200)})
        check_pictures(guest, screen)
        # The guest does not follow, and the person makes the window as it was.
        screen.resize(2, 350, 250)
        guest.wait_modes((349, 269), (350, 250))
        screen.resize(2, 300, 200)
        guest.wait_modes((349, 269), (300, 200))
        check_pictures(guest, screen)
        # The guest takes a mode of its own: its window follows, and says nothing.
        guest.modes()
        before = guest.changes
        guest.draw(1, 222, 111)
        screen.wait_sizes({1: (349, 269), 2: (222, 111)})
        check_pictures(guest, screen)
        time.sleep(REST)
        expect(guest.modes() == [(349, 269), (300, 200)] and guest.changes == before,
               f"the modes are {guest.modes()}")


def check_closing(world, screen):
    with machine(world, 2) as (process, guest):
        open_all(world, guest, screen, [(320, 240), (300, 200)])
        # One is closed: the other stays, and the guest's next picture opens none.
        screen.ask_to_close(2)
        guest.wait_modes((320, 240), None)
        screen.wait_sizes({1: (320, 240)})
        guest.draw(1, 300, 200)
        time.sleep(REST)
        screen.wait_sizes({1: (320, 240)})
        # Plugged again, it shows that at once.
        ask(world, "display", "2", "connect")
        guest.wait_modes((320, 240), (300, 200))
        screen.wait_sizes({1: (320, 240), 2: (300, 200)})
        screen.put_apart([1, 2])
        check_pictures(guest, screen)
        ask(world, "screenshot", "--display", "2", "two.png")
        expect(picture.from_png(world.folder / "two.png").rgb == guest.shown[1].picture().rgb,
               "the screenshot shows something else")
        # All are unplugged: that is no reason to end.
        ask(world, "display", "2", "disconnect")
        ask(world, "display", "1", "disconnect")
        guest.wait_modes(None, None)
        screen.wait_sizes({})
        ask(world, "display", "1", "connect")
        screen.wait_sizes({1: (320, 240)})
        expect(process.poll() is None, "the session has ended")
        screen.ask_to_close(1)
        wait(lambda: process.poll() is not None, "the session goes on without windows")


def check_kept_mode(world, screen):
    with machine(world, 1, ",keep-mode,scale=none") as (_, guest):
        guest.draw(0, 320, 240)
        check_pictures(guest, screen)
        screen.resize(1, 500, 400)
        screen.wait_sizes({1: (500, 400)})
        screen.wait_picture(1, in_the_middle(guest.shown[0].picture(), 500, 400))
        guest.change(0, 100, 50, 60, 70)
        screen.wait_picture(1, in_the_middle(guest.shown[0].picture(), 500, 400))
        time.sleep(REST)
        guest.wait_modes((320, 240))


def check_integers(world, screen):
    with machine(world, 1, ",keep-mode,scale=integer", "200x100") as (_, guest):
        guest.draw(0, 200, 100)
        check_pictures(guest, screen)
        screen.resize(1, 420, 305)
        screen.wait_picture(1, in_the_middle(doubled(guest.shown[0].picture()), 420, 305))


def check_turned(world, screen):
    """Pictures are turned in their window, from the start and while they are shown; the guest's mode is
    not, and files hold what the guest shows."""
    with machine(world, 2, ",rotate=90") as (_, guest):
        guest.draw(0, 320, 240)
        screen.wait_picture(1, turned(guest.shown[0].picture(), 1))
        guest.change(0, 17, 29, 40, 31)
        guest.change(0, 317, 0, 3, 1)
        screen.wait_picture(1, turned(guest.shown[0].picture(), 1))
        ask(world, "screenshot", "--display", "1", "turned.png")
        expect(picture.from_png(world.folder / "turned.png").rgb == guest.shown[0].picture().rgb,
               "the screenshot shows something else")
        # The size of the window is the guest's, turned back.
        screen.resize(1, 200, 300)
        guest.wait_modes((300, 200), None)
        guest.draw(0, 300, 200)
        screen.wait_picture(1, turned(guest.shown[0].picture(), 1))
        guest.modes()
        before = guest.changes
        for degrees in (180, 0, 270, 90, 270):
            ask(world, "display", "1", f"rotate={degrees}")
            screen.wait_picture(1, turned(guest.shown[0].picture(), degrees // 90))
            guest.change(0, degrees // 10, 3, 20, 10)
            screen.wait_picture(1, turned(guest.shown[0].picture(), degrees // 90))
        time.sleep(REST)
        expect(guest.modes() == [(300, 200), None] and guest.changes == before,
               f"the modes are {guest.modes()}")
        world.must_fail("no such display", "--name", "w", "display", "3", "rotate=90")
        world.must_fail("rotate=0, 90", "--name", "w", "display", "1", "rotate=45")


def turned(seen, quarters):
    """Clockwise."""
    for _ in range(quarters):
        column = seen.width * 3
        rows = (b"".join(seen.rgb[y * column + x:y * column + x + 3]
                         for y in range(seen.height - 1, -1, -1)) for x in range(0, column, 3))
        seen = picture.Picture(seen.height, seen.width, b"".join(rows))
    return seen


def in_the_middle(seen, width, height):
    left, above = (width - seen.width) // 2, (height - seen.height) // 2
    right, below = width - seen.width - left, height - seen.height - above
    rows = [seen.rgb[y * seen.width * 3:(y + 1) * seen.width * 3] for y in range(seen.height)]
    rows = [bytes(3 * left) + row + bytes(3 * right) for row in rows]
    return picture.Picture(width, height, bytes(3 * width * above) + b"".join(rows)
                           + bytes(3 * width * below))


def doubled(seen):
    rows = []
    for y in range(seen.height):
        row = seen.rgb[y * seen.width * 3:(y + 1) * seen.width * 3]
        row = b"".join(2 * row[x:x + 3] for x in range(0, len(row), 3))
        rows += [row, row]
    return picture.Picture(2 * seen.width, 2 * seen.height, b"".join(rows))


def count_wake_ups(process):
    """Of the main thread."""
    with open(f"/proc/{process.pid}/task/{process.pid}/status", encoding="ascii") as lines:
        return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)


def check_idle(world, screen):
    """Nothing is looked for again and again: not before there is a window, not with it."""
    with machine(world, 1) as (process, guest):
        for _ in range(2):
            time.sleep(1)
            before = count_wake_ups(process)
            time.sleep(REST)
            expect(count_wake_ups(process) - before < 20,
                   f"{count_wake_ups(process) - before} wake-ups, {screen.sizes()}")
            guest.draw(0, 320, 240)
            screen.wait_picture(1, guest.shown[0].picture())


def check_status(world, screen):
    """Lines while frames come, and none after."""
    path = {"software": "software", "fifo": "(zero-copy|blit|staging)"}[sys.argv[2]]
    line = r"[0-9]+\.[0-9] fps, [0-9]+\.[0-9] ms a frame, [0-9]+\.[0-9] at most, " + path
    log = world.folder / "w.log"

    def count():
        return len(re.findall("(?m)^vesper: display 2: " + line + "$", log.read_text()))
    with machine(world, 2, ",status") as (_, guest):
        ask(world, "display", "2", "200x100")
        guest.draw(1, 200, 100)

        def goes_on():
            guest.change(1, 1, 2, 30, 40)
            return count() >= 2
        wait(goes_on, "no lines while frames come")
        told = ask(world, "status")
        expect(re.search("(?m)^frames of display 2: " + line + "$", told), f"the status:\n{told}")
        time.sleep(2)
        before = count()
        time.sleep(2)
        expect(count() == before, "lines while no frames come")
        expect(" display 1: " not in log.read_text(), "lines of a display without frames")
        frames = json.loads(ask(world, "status", "--json"))["frames"]
        expect(len(frames) == 1 and frames[0].startswith("0.0 fps, 0.0 ms a frame, "),
               f"the frames are {frames}")


# ---- the storm ------------------------------------------------------------------------------


def all_come_by(guest, world):
    """Whether all displays come in the way that was asked for: where the machine is so slow that the
    GPU's waits end, the processor stands in for it for a while, with fewer threads."""
    for scanout in range(STORM_DISPLAYS):
        guest.change(scanout, 3, 4, 5, 6)
    time.sleep(0.2)
    frames = json.loads(ask(world, "status", "--json"))["frames"]
    wanted = STORM_DISPLAYS if sys.argv[2] == "software" else 0
    return (len(frames) == STORM_DISPLAYS
            and sum(line.endswith("software") for line in frames) == wanted)


def settle(world, guest, screen):
    """All displays have known modes, and show them. What people did to windows before is over."""
    time.sleep(REST)
    numbers = range(1, STORM_DISPLAYS + 1)
    for number in numbers:
        ask(world, "display", str(number), "disconnect")
    guest.wait_modes(*[None] * STORM_DISPLAYS)
    screen.wait_sizes({})
    for scanout in range(STORM_DISPLAYS):
        guest.blank(scanout)
    open_all(world, guest, screen, [(333 - 20 * number, 200 + number) for number in numbers])
    wait(lambda: all_come_by(guest, world), "a display does not come by the GPU again", GPU_SECONDS)
    check_pictures(guest, screen)


def step(control, guest, screen, chance):
    """The first display stays, with its window: without any the session would end."""
    scanout = chance.randrange(STORM_DISPLAYS)
    width, height = chance.randrange(100, 600), chance.randrange(100, 400)
    kind = chance.randrange(8)
    if kind == 0:
        control.ask(f"display {scanout} {width}x{height}")
    elif kind == 1 and scanout:
        control.ask(f"display {scanout} " + chance.choice(["connect", "off"]))
    elif kind == 2 and scanout:
        screen.ask_to_close(scanout + 1)
    elif kind == 3:
        screen.resize(scanout + 1, width, height)
    elif kind == 4 and scanout:
        guest.blank(scanout)
    elif kind == 5 and scanout in guest.shown:
        guest.change(scanout, 5, 6, 70, 80)
    else:
        guest.draw(scanout, *(guest.modes()[scanout] or (width, height)))


def count_all(process, screen):
    folder = f"/proc/{process.pid}"
    return {"descriptors": len(os.listdir(folder + "/fd")),
            "threads": len(os.listdir(folder + "/task")), "windows": screen.count()}


def check_storm(world, screen):
    seed = int(os.environ.get("VESPER_SEED", random.randrange(1 << 31)))
    print(f"   VESPER_SEED={seed}", flush=True)
    chance = random.Random(seed)
    with machine(world, STORM_DISPLAYS) as (process, guest):
        settle(world, guest, screen)
        before = count_all(process, screen)
        control = Control(world.sockets / "w.control")
        steps, deadline = 0, time.monotonic() + STORM_SECONDS
        while steps < STORM_STEPS and time.monotonic() < deadline:
            step(control, guest, screen, chance)
            steps += 1
        control.close()
        print(f"   {steps} steps", flush=True)
        expect(steps >= STORM_STEPS_MIN, "the storm is too slow to be one")
        settle(world, guest, screen)
        if "is composed by the processor" in (world.folder / "w.log").read_text():
            print("   the processor stood in for a slow GPU: what it left is not counted", flush=True)
        else:
            wait(lambda: count_all(process, screen) == before,
                 lambda: f"{before} have become {count_all(process, screen)}")
        for scanout in range(STORM_DISPLAYS):
            guest.blank(scanout)
        status = ask(world, "status")
        expect("\nresources: 0\n" in status and "requests refused: 0\n" in status
               and "bytes of pictures: 0\n" in status, f"left behind:\n{status}")


CHECKS = (check_two, check_four, check_resizing, check_closing, check_kept_mode, check_integers,
          check_turned, check_idle, check_status, check_storm)


def run(vesper, folder):
    world = World(vesper, folder)
    server = gpu.XServer(world.folder, *SCREEN)
    try:
        world.env |= server.environment | {"SDL_VIDEO_DRIVER": "x11"}
        screen = x_screen.Screen(server.environment["DISPLAY"], *SCREEN)
        for check in CHECKS:
            print("--", check.__name__.replace("_", " "), flush=True)
            check(world, screen)
        screen.close()
    finally:
        server.stop()


def main():
    if not x_screen.X:
        raise Skip("Python has no Xlib")
    if not shutil.which("Xvfb"):
        raise Skip("there is no Xvfb")
    with tempfile.TemporaryDirectory(prefix="vesper-w.") as folder:
        run(os.path.abspath(sys.argv[1]), folder)


if __name__ == "__main__":
    environment.conclude(main)
