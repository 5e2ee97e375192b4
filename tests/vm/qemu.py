"""QEMU's command line for the test machine."""

import dataclasses
import os
import pathlib
import platform

# The kernel's words. Emulated processors need neither mitigations nor time-source checks, and
# what a test looks for on the console is not drowned in messages.
WORDS = ("console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check "
         "random.trust_cpu=on audit=0 lsm= rcupdate.rcu_expedited=1")


def program():
    return os.environ.get("VESPER_QEMU", "qemu-system-x86_64")


def processor_runs_guests():
    """Without this a KVM may be there, and Debian's kernels end in it."""
    if platform.machine() != "x86_64":
        return True
    words = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split()
    return "vmx" in words or "svm" in words


def has_kvm():
    if not processor_runs_guests():
        return False
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
        return True
    except OSError:
        return False


def accelerator():
    """VESPER_ACCEL overrides it, as QEMU's -accel takes it."""
    return os.environ.get("VESPER_ACCEL") or ("kvm" if has_kvm() else "tcg,thread=multi")


# As -device and device_add take it. Behind a port of its own it can be taken away and put back.
VESPER_DEVICE = {"driver": "vhost-user-test-device-pci", "id": "gpu", "bus": "gpu-port",
                 "chardev": "gpu", "virtio-id": 16, "num_vqs": 2, "vq_size": 256,
                 "config_size": 20}


def vesper_device(path):
    """The GPU that Vesper serves behind a socket."""
    words = ",".join(f"{name}={value}" for name, value in VESPER_DEVICE.items())
    return ["-device", "pcie-root-port,id=gpu-port",
            "-chardev", f"socket,id=gpu,path={path}",
            "-device", words.removeprefix("driver=")]


def vesper_inputs(path, kinds):
    """The input devices that Vesper serves beside the GPU's socket."""
    words = []
    for kind in kinds:
        words += ["-chardev", f"socket,id={kind},path={path}.{kind}",
                  "-device", f"vhost-user-input-pci,chardev={kind}"]
    return words


def plain_device():
    """QEMU's own GPU without 3D."""
    return ["-device", "virtio-gpu-pci"]


@dataclasses.dataclass
class Settings:
    """What a machine is made of. `device` is the GPU's arguments (vesper_device, plain_device, or
    none at all), `extra` any more; `append` goes to the kernel's command line."""
    device: list
    kernel: str = "backports"
    memory: str = "2G"
    memory_backend: str = "memfd"
    processors: int = 2
    display: str = "none"
    extra: tuple = ()
    append: str = ""


def shared_folder(tag, path, options=""):
    return ["-fsdev", f"local,id={tag},path={path},security_model=none,multidevs=remap{options}",
            "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]


def compose(settings, image, folder, programs, console):
    """`image`: see image.folder(); `folder`: the machine's own, with `ramdisk` and `out`;
    `console`: a -chardev whose id is `console`, or None for the terminal and QEMU's monitor."""
    kernel = image / settings.kernel
    folder = pathlib.Path(folder)
    serial = ["-serial", "mon:stdio"]
    if console:
        serial = ["-chardev", console, "-serial", "chardev:console"]
    return [
        program(), "-nodefaults", "-no-user-config", "-display", settings.display,
        "-run-with", "exit-with-parent=on",
        "-machine", "q35,memory-backend=mem,sata=off,smbus=off,usb=off,i8042=off,vmport=off,"
        "hpet=off",
        "-accel", accelerator(), "-cpu", "max", "-smp", str(settings.processors),
        "-m", settings.memory,
        "-object", f"memory-backend-{settings.memory_backend},id=mem,size={settings.memory},"
        "share=on",
        "-kernel", str(kernel / "vmlinux"), "-initrd", str(folder / "ramdisk"),
        "-append", f"{WORDS} {settings.append}".strip(),
        "-drive", f"if=none,id=disk,format=raw,readonly=on,file={image}/root.erofs",
        "-device", "virtio-blk-pci,drive=disk",
        *serial,
        "-device", "virtio-serial-pci,max_ports=2",
        "-chardev", f"socket,id=agent,path={folder}/agent,server=on,wait=off",
        "-device", "virtserialport,chardev=agent,nr=1,name=vesper.agent",
        "-qmp", f"unix:{folder}/qmp,server=on,wait=off",
        *shared_folder("programs", programs, ",readonly=on"),
        *shared_folder("out", folder / "out"),
        *settings.device, *settings.extra]
