"""Talks with a display program of tests/guest/drm, whose script.h describes the language: looks at
the displays as it asks, compares, and does what it wants done."""

import re
import shutil
import time

import picture
from verdict import Failure

STEP_SECONDS = 120
LOOK_SECONDS = 15
SHOW = re.compile(r"SHOW (\d+) scanout=(\d+) size=(\d+)x(\d+) tolerance=(\d+) picture=(\S+)$")
DARK = re.compile(r"DARK (\d+) scanout=(\d+)$")
ASK = re.compile(r"ASK (\d+) (.*)$")
FOLDER = "display"


class Conversation:
    """One run of one program. After run(): `status`, `output`, `looked` (pictures compared)."""

    def __init__(self, machine, gpu, program, arguments="", mesa="backports", keep=None):
        self.machine = machine
        self.gpu = gpu
        self.command = f"/mnt/programs/drm/guest_{program} {arguments}".strip()
        self.name = f"{program} {arguments}".strip()
        self.mesa = mesa
        self.keep = keep
        self.folder = machine.out / FOLDER
        self.number = None
        self.status = None
        self.output = ""
        self.looked = 0
        self.unseen = 0

    def run(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.number = self.machine.begin(f"{self.command} --host /mnt/out/{FOLDER}",
                                         mesa=self.mesa)
        try:
            step = 1
            while self.wait_step(step):
                self.do_step(step)
                (self.folder / f"done-{step}").touch()
                step += 1
        except BaseException:
            self.machine.kill(self.number)
            raise
        self.status, self.output = self.machine.finish(self.number, STEP_SECONDS)
        return self

    def wait_step(self, step):
        """True when the program waits for the host, False when it has ended."""
        mark = f"WAIT {step}\n"

        def arrived():
            return mark in self.machine.output(self.number) or not self.is_running()
        self.machine.wait_until(arrived, STEP_SECONDS, f"{self.name}, step {step}", step=0.05)
        return mark in self.machine.output(self.number) and self.is_running()

    def is_running(self):
        return self.number not in self.machine.statuses

    def do_step(self, step):
        for line in self.machine.output(self.number).splitlines():
            for pattern, do in ((SHOW, self.look), (DARK, self.look_dark), (ASK, self.obey)):
                match = pattern.match(line)
                if match and int(match[1]) == step:
                    do(step, match)

    def obey(self, step, match):
        self.gpu.request(match[2])

    # ---- looking -------------------------------------------------------------------------------

    def look(self, step, match):
        scanout, width, height, tolerance = (int(match[i]) for i in range(2, 6))
        wanted = picture.from_xrgb(self.folder / match[6], width, height)
        (self.folder / match[6]).unlink()
        if tolerance and not self.gpu.shows_cursor:
            self.unseen += 1
            return
        self.look_for(step, scanout, wanted,
                      lambda seen: picture.difference(seen, wanted, tolerance)
                      if seen else "there is no picture")

    def look_dark(self, step, match):
        if not self.gpu.shows_dark:
            self.unseen += 1
            return
        self.look_for(step, int(match[2]), None,
                      lambda seen: None if not seen or seen.is_black() else "it is not dark")

    def look_for(self, step, scanout, wanted, judge):
        """A flush that the guest has sent may still be on its way."""
        deadline = time.monotonic() + LOOK_SECONDS
        while True:
            seen = self.gpu.capture(self.machine, scanout)
            wrong = judge(seen)
            if not wrong:
                self.looked += 1
                return
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
        self.keep_pictures(step, scanout, seen, wanted)
        raise Failure(f"{self.name}, step {step}, scanout {scanout}: {wrong}\n"
                       + self.machine.output(self.number))

    def keep_pictures(self, step, scanout, seen, wanted):
        if not self.keep:
            return
        self.keep.mkdir(parents=True, exist_ok=True)
        for name, what in (("seen", seen), ("wanted", wanted)):
            if what:
                words = re.sub(r"[^a-z0-9]+", "-", self.name)
                picture.write_ppm(what, self.keep / f"{words}-{step}-{scanout}-{name}.ppm")
