#!/usr/bin/env python3
"""test_run.py [OPTION…]: a machine that `vesper run` starts shows itself in a window on an X server, and
is typed and pointed into there: a machine to be used, with no window of QEMU's.

Exit status: 0 all held, 77 nothing could be run, 1 otherwise."""

import pathlib
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

import gpu  # noqa: E402
import host  # noqa: E402
import image  # noqa: E402
import machine  # noqa: E402
import options  # noqa: E402
from verdict import conclude, expect, run_tests  # noqa: E402

import person as people  # noqa: E402
from room import Room, need_programs, pressed, released  # noqa: E402

WIDTH, HEIGHT = 800, 600
# What vesper run gives QEMU by itself.
GIVEN = {"-machine", "-accel", "-cpu", "-smp", "-m", "-object", "-display"}
KEY_A, KEY_ENTER, BTN_LEFT = 30, 28, 0x110
END_SECONDS = 30


class RunMachine(machine.Machine):
    """Started by `vesper run`."""

    def __init__(self, vesper, server_options, **settings):
        super().__init__(device=[], **settings)
        self.vesper = vesper
        self.server_options = server_options

    def without_preload(self, program):
        """A QEMU that keeps its own system where the server has another."""
        path = self.folder / "qemu"
        path.write_text(f'#!/bin/sh\nunset LD_PRELOAD\nexec {program} "$@"\n', encoding="utf-8")
        path.chmod(0o755)
        return path

    def command(self, line):
        program, *words = line
        if "LD_PRELOAD" in self.environment:
            program = self.without_preload(program)
        rest = []
        while words:
            word = words.pop(0)
            if word in GIVEN:
                words.pop(0)
            else:
                rest.append(word)
        return [self.vesper, "run", "--qemu", program, "--memory", self.settings.memory,
                "--cpus", str(self.settings.processors), "--size", f"{WIDTH}x{HEIGHT}",
                *self.server_options, "--", *rest]


def test_typing(room):
    room.person.type("a")
    room.person.type("Return")
    room.expect("keyboard", pressed(KEY_A), released(KEY_A), pressed(KEY_ENTER),
                released(KEY_ENTER))


def test_pointing(room):
    room.point(321, 123)
    room.expect("tablet", room.at(321, 123))
    room.person.click(people.LEFT)
    room.expect("tablet", pressed(BTN_LEFT), released(BTN_LEFT))


def test_devices(room):
    """No keyboard or tablet of QEMU's beside them."""
    names = room.guest.check("grep -h . /sys/class/input/input*/name").splitlines()
    expect([name for name in names if "QEMU" in name] == [], f"the guest has {names}")
    expect(sorted(name for name in names if "Vesper" in name)
           == ["Vesper Keyboard", "Vesper Mouse", "Vesper Tablet"], f"the guest has {names}")


def test_end(room):
    """SIGTERM ends QEMU and Vesper, and leaves no socket behind."""
    _, _, rest = room.log().partition("keyboard is at ")
    socket = pathlib.Path(rest.splitlines()[0])
    expect(socket.is_socket(), f"{socket} is no socket")
    process = room.guest.process
    process.send_signal(signal.SIGTERM)
    try:
        status = process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        status = "still runs"
    expect(status == 0, f"vesper run: {status}")
    expect(not socket.parent.exists(), f"{socket.parent} stays behind")


def run(arguments):
    machine.leave_on_sigterm()
    need_programs(arguments.programs)
    image.folder()
    with tempfile.TemporaryDirectory(prefix="vesper-run.") as name:
        folder = pathlib.Path(name)
        screen = gpu.XServer(folder, WIDTH, HEIGHT)
        environment = dict(host.environment("backports", folder, server=True),
                           **screen.environment, SDL_VIDEO_DRIVER="x11")
        try:
            with RunMachine(arguments.vesper, arguments.server_option,
                            **options.machine(arguments), environment=environment) as guest:
                room = Room(guest, screen, WIDTH, HEIGHT, guest.qemu_log)
                run_tests((test_typing, test_pointing, test_devices, test_end), room)
        finally:
            screen.stop()


conclude(run, options.parser(__doc__).parse_args())
