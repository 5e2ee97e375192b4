"""A desktop in a test machine: weston, drawn by OpenGL on Vulkan on Vesper, with vkcube in a window
whose pictures reach the compositor as dma-bufs of the guest, uncopied."""

import time

from machine import MachineError

# LIBGL_ALWAYS_SOFTWARE is for the tests' host driver: zink does not take a device that calls itself
# a processor, as lavapipe does, unless it is told to.
ZINK = "LIBGL_ALWAYS_SOFTWARE=1 MESA_LOADER_DRIVER_OVERRIDE=zink"
WESTON = ("weston --backend=drm --renderer={renderer} --continue-without-input --idle-time=0 "
          "--socket=desktop --log=/tmp/weston.log")
CUBE = "WAYLAND_DISPLAY=desktop WAYLAND_DEBUG=1 {words} vkcube --wsi wayland 2>/tmp/cube.log"
START_SECONDS = 60
LOOK_SECONDS = 60


class Desktop:
    """`zero_copy`: as above; else weston draws with pixman and vkcube copies into shared memory."""

    def __init__(self, machine, mesa="backports", zero_copy=True):
        self.machine = machine
        self.mesa = mesa
        self.zero_copy = zero_copy

    def start(self):
        words = f"{ZINK} " if self.zero_copy else ""
        weston = WESTON.format(renderer="gl" if self.zero_copy else "pixman")
        number = self.machine.begin(f"{words}{weston}", mesa=self.mesa)
        deadline = time.monotonic() + START_SECONDS
        while self.machine.run("test -S /run/user/desktop")[0] != 0:
            if number in self.machine.statuses or time.monotonic() > deadline:
                raise MachineError("the desktop does not start:\n" + self.machine.output(number)
                                   + self.machine.run("cat /tmp/weston.log")[1])
            time.sleep(0.1)
        words = "" if self.zero_copy else "MESA_VK_WSI_DEBUG=sw"
        self.machine.begin(CUBE.format(words=words), mesa=self.mesa)

    def renderer(self):
        """What weston says that it draws with."""
        return self.machine.run("grep -o 'GL renderer: .*' /tmp/weston.log")[1].strip()

    def count_requests(self, name):
        """How often vkcube has sent a Wayland request, such as `zwp_linux_dmabuf_v1.create_params`."""
        interface, _, request = name.partition(".")
        pattern = rf"-> {interface}[#@][0-9]*\.{request}("
        return int(self.machine.run(f"cat /tmp/cube.log 2>/dev/null | grep -c -- '{pattern}'")[1])

    def wait_for_cube(self):
        """Until vkcube has shown some frames."""
        deadline = time.monotonic() + LOOK_SECONDS
        while self.count_requests("wl_surface.commit") < 10:
            if time.monotonic() > deadline:
                raise MachineError("vkcube draws nothing:\n"
                                   + self.machine.run("tail -20 /tmp/cube.log")[1])
            time.sleep(0.3)
