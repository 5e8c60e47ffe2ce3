#!/usr/bin/env python3
"""soak.py MINUTES SEED: the work of soak.sh."""

import glob
import os
import random
import shutil
import signal
import subprocess
import sys
import time

minutes, seed = float(sys.argv[1]), int(sys.argv[2])
chance = random.Random(seed)
work = "build/soak"
shutil.rmtree(work, ignore_errors=True)
os.makedirs(work)
videos = ["build/sample/talk.mp4"]
for pattern in ("*.mp4", "*.webm", "pathological/*"):
    videos += sorted(glob.glob("../shared/corpus/" + pattern))
environment = dict(os.environ, XDG_CACHE_HOME=os.path.abspath(work + "/cache"))
failures, runs, stops = 0, 0, 0
print(f"soak: {len(videos)} videos, {minutes:g} minutes, SEED={seed}", flush=True)


def fail(what):
    global failures
    failures += 1
    print("FAILED", what, flush=True)


def job(video, out, stop_after):
    """Exit code, seconds from the stop to the end (or None), peak MB."""
    command = ["build/kirinuki", "run", "--quiet", "--preset", "ultrafast", "--clips", "2",
               "--output", out, video]
    child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=open(work + "/stderr", "wb"))
    stopped = None
    if stop_after is not None:
        deadline = time.monotonic() + stop_after
        while time.monotonic() < deadline and os.waitid(
                os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            time.sleep(0.02)
        stopped = time.monotonic()
        os.kill(child.pid, signal.SIGINT)  # not send_signal, which would collect its end
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode == -signal.SIGINT:
        child.returncode = 130  # so early that the program had not begun to listen for it
    waited = time.monotonic() - stopped if stopped else None
    return child.returncode, waited, used.ru_maxrss / 1024


end = time.monotonic() + 60 * minutes
while time.monotonic() < end:
    video = chance.choice(videos)
    out = f"{work}/{os.path.basename(video)}-clips"
    stop_after = chance.choice([None, chance.uniform(0, 1), chance.uniform(0, 20)])
    code, waited, peak = job(video, out, stop_after)
    runs += 1
    what = f"{video} (stop after {stop_after}, run {runs})"
    if code not in (0, 1, 3, 130) or (code == 130 and stop_after is None):
        fail(f"{what}: exit code {code}: {open(work + '/stderr', errors='replace').read()[-500:]}")
    if code == 130:
        stops += 1
        if waited > 2:
            fail(f"{what}: took {waited:.1f} s to stop")
    if peak > 600:
        fail(f"{what}: {peak:.0f} MB")
    partial = [name for name in glob.glob(out + "/**", recursive=True)
               if ".part" in name or ".tmp" in name]
    if partial:
        fail(f"{what}: left {partial}")
    if code == 130 and chance.random() < 0.5:
        again, _, _ = job(video, out, None)
        runs += 1
        if again == 130:
            fail(f"{what}: could not be continued")
    elif chance.random() < 0.3:
        shutil.rmtree(out, ignore_errors=True)
print(f"soak: {runs} runs, {stops} stopped, {failures} failures")
sys.exit(failures > 0)
