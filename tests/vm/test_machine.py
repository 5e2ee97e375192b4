#!/usr/bin/env python3
"""test_machine.py --kernel NAME --scratch FOLDER: the test machine itself. It boots with QEMU's
own GPU, whose driver makes its devices; statuses, outputs and files of commands come back; what
takes too long is ended; it starts again after a reset and can be switched off."""

import argparse
import os
import pathlib

import image
from machine import Machine
from verdict import conclude, expect, expect_error, run_tests


def has_kernel_and_driver(guest):
    version = (image.folder() / guest.settings.kernel / "version").read_text().strip()
    running = guest.check("uname -r").strip()
    expect(running == version, f"kernel {running} runs instead of {version}")
    devices = guest.check("ls /dev/dri").split()
    expect(devices == ["card0", "renderD128"], f"devices: {devices}")
    driver = guest.check("basename $(readlink /sys/class/drm/card0/device/virtio*/driver)").strip()
    expect(driver == "virtio_gpu", f"driver: {driver}")


def has_two_mesas(guest):
    for mesa, version in (("stable", "Mesa 25.0."), ("backports", "Mesa 26.")):
        text = guest.check("VESPER_DRIVER=lvp with-mesa " + mesa + " vulkaninfo --summary", 180)
        expect(version in text, f"with-mesa {mesa} gives:\n{text}")
        manifest = guest.check("cat $VK_DRIVER_FILES", mesa=mesa)
        expect("libvulkan_virtio.so" in manifest, f"mesa={mesa} gives:\n{manifest}")


def gives_statuses_and_output(guest):
    expect(guest.run("exit 7") == (7, ""), "status 7 does not come back")
    expect(guest.run("kill -INT $$")[0] == 130, "SIGINT is ignored in commands")
    text = "a  b\n'\"\\ $HOME\n"
    output = guest.check(f"cat <<'END'\n{text}END")
    expect(output == text, f"text comes back as {output!r}")
    expect_error("status 3", guest.check, "exit 3")


def runs_side_by_side(guest):
    first = guest.begin("mkfifo /tmp/pipe; echo waiting; read line </tmp/pipe; echo got $line")
    guest.wait_output(first, "waiting")
    expect(guest.is_running(first), "a command that waits has ended")
    guest.check("echo this >/tmp/pipe")
    expect(guest.finish(first) == (0, "waiting\ngot this\n"), "two commands do not meet")
    second = guest.begin("exec sleep 1000")
    guest.signal(second, "TERM")
    expect(guest.finish(second)[0] == 143, "a command does not get its signal")


def exchanges_files(guest):
    data = os.urandom(300000)
    (guest.out / "sent").write_bytes(data)
    guest.check("cp /mnt/out/sent /root/kept; cp /root/kept /mnt/out/returned; echo x >/etc/new")
    expect((guest.out / "returned").read_bytes() == data, "a file comes back changed")
    guest.check("/mnt/programs/program | grep -q 'a program of the host'")
    expect(guest.run("touch /mnt/programs/new")[0] != 0, "the programs' folder can be written to")


def ends_what_takes_too_long(guest):
    expect_error("not done after 2", guest.run, "echo begun; sleep 1000 & sleep 1000", 2)
    left = guest.check("sleep 1; ps ax -o stat,args | grep -c '^[^Z].* sleep 1000$' || true")
    expect(left == "0\n", f"{left.strip()} processes of a command over its limit go on")
    expect_error("never wrote 'that'", guest.wait_output, guest.begin("echo this"), "that")


def starts_again(guest):
    guest.check("echo x >/root/gone")
    guest.reboot()
    guest.check("test ! -e /root/gone && test -e /dev/dri/card0")
    expect(guest.qmp("query-status")["status"] == "running", "QEMU's monitor says otherwise")


def reloads_its_driver(guest):
    guest.check("echo 0 >/sys/class/vtconsole/vtcon1/bind; modprobe -r virtio-gpu && "
                "test ! -e /dev/dri/card0 && modprobe virtio-gpu && test -e /dev/dri/card0")


def can_be_switched_off(guest):
    guest.power_off()
    expect(guest.process.returncode == 0, f"QEMU's status: {guest.process.returncode}")
    expect_error("has ended", guest.run, "true")


def make_programs(folder):
    """A folder with a program, which the machine gets instead of the build's."""
    programs = pathlib.Path(folder)
    programs.mkdir(parents=True, exist_ok=True)
    program = programs / "program"
    program.write_text("#!/bin/sh\necho a program of the host\n", encoding="utf-8")
    program.chmod(0o755)
    return programs


def test(arguments):
    backend = "shm" if arguments.kernel == "stable" else "memfd"
    with Machine(kernel=arguments.kernel, memory_backend=backend,
                 programs=make_programs(arguments.scratch)) as guest:
        run_tests([has_kernel_and_driver, has_two_mesas, gives_statuses_and_output,
                   runs_side_by_side, exchanges_files, ends_what_takes_too_long, starts_again,
                   reloads_its_driver, can_be_switched_off], guest)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--kernel", choices=image.KERNELS, required=True)
    parser.add_argument("--scratch", required=True, help="a folder that may be written to")
    conclude(test, parser.parse_args())


main()
