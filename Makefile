# The commands of this repository. Each runs in the reference environment (tools/env), which the
# first of them sets up.

FUZZ_SECONDS = 600
SOAK_BOOTS = 100

help:
	@echo 'make demo            draw something through Mesa'\''s Venus driver and Vesper'
	@echo 'make check           build and run all tests'
	@echo 'make check-darwin    compile, link and analyze for macOS on Linux (part of check)'
	@echo 'make check-sanitize  the same under sanitizers, and fuzz for 30 seconds per target'
	@echo 'make fuzz            fuzz for FUZZ_SECONDS=$(FUZZ_SECONDS) per target'
	@echo 'make bench           measure against native and against the peer server'
	@echo 'make bench-display   how long a frame takes to the screen, beside memcpy and a staging buffer;'
	@echo '                     what a slow or failing display does to off-screen work'
	@echo 'make bench-vm        the same in a machine, against QEMU'\''s own virtio-gpu-gl'
	@echo 'make soak            boot a machine SOAK_BOOTS=$(SOAK_BOOTS) times; nothing may grow'
	@echo 'make build           build only (build/release)'
	@echo 'make format          format all C files'
	@echo 'make clean           remove the folder build'

demo:
	@tools/env tools/demo

check:
	@tools/darwin/fetch
	@tools/env tools/check darwin release

check-darwin:
	@tools/darwin/fetch
	@tools/env tools/check darwin

check-sanitize:
	@tools/env tools/check asan tsan:threads fuzz:fuzz

fuzz:
	@tools/env tools/check --fuzz-seconds $(FUZZ_SECONDS) fuzz:fuzz

bench:
	@tools/env tools/build release
	@tools/env bench/run

bench-vm:
	@tools/env tools/build release
	@tools/env tools/setup/guest
	@tools/env bench/run_vm

bench-display:
	@tools/env tools/build release
	@tools/env bash -c 'VK_DRIVER_FILES=$$VESPER_ICD_DIR/lvp-backports.json build/release/bench/vesper-bench-present'
	@tools/env bench/run_beside_display

soak:
	@tools/env tools/build release
	@tools/env tools/setup/guest
	@tools/env python3 tests/vm/soak.py --boots $(SOAK_BOOTS)

build:
	@tools/env tools/build release

format:
	@tools/env tools/format

clean:
	rm -rf build

.PHONY: help demo check check-darwin check-sanitize fuzz bench bench-vm bench-display soak build format clean
