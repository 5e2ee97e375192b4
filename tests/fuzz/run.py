#!/usr/bin/env python3
"""run.py TARGET REPLAY [libFuzzer option...]: fuzzes TARGET for FUZZ_SECONDS (30), beginning with
the seeds that REPLAY writes. What it finds stays in the folder fuzz-findings below the current
one."""

import os
import pathlib
import subprocess
import sys
import tempfile


def main():
    target, replay, *options = sys.argv[1:]
    findings = pathlib.Path("fuzz-findings").resolve()
    findings.mkdir(exist_ok=True)
    seconds = os.environ.get("FUZZ_SECONDS", "30")
    with tempfile.TemporaryDirectory(prefix="vesper-fuzz-") as folder:
        corpus, seeds = pathlib.Path(folder, "corpus"), pathlib.Path(folder, "seeds")
        corpus.mkdir()
        seeds.mkdir()
        subprocess.run([replay, "--write", seeds], check=True)
        result = subprocess.run([
            target, corpus, seeds, f"-max_total_time={seconds}", "-timeout=20",
            "-rss_limit_mb=4096", "-max_len=4096", "-print_final_stats=1",
            f"-artifact_prefix={findings}/{pathlib.Path(target).name}-"] + options)
    return 1 if result.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
