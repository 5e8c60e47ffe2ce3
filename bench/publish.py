#!/usr/bin/env python3
"""publish.py: posts at once against the same posts one after another, and against the slowest post.

BENCH_CLIPS (10) clips to every platform of a sandbox with 200 ms of latency for each answer and
20 Mbit/s for each connection; one after another is measured with two clips and counted up. Then one
sparse file of BENCH_GB (4) GB to YouTube on the loopback, beside `curl -T` to the same sandbox, and
what memory that takes.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

os.environ.setdefault("KN_SOURCE_ROOT", os.getcwd())
os.environ.setdefault("KN_PROGRAM", os.path.abspath("build/kirinuki"))
sys.path.insert(0, "tests/scenario")
# pylint: disable=wrong-import-position
from posting import PLATFORMS, World, clip  # noqa: E402
from scenario import folder  # noqa: E402

LATENCY_S, MBIT = 0.2, 20
# Limits that stretch over minutes or days are not what is measured.
LIMITS = ["--set", "tiktok-init-rate=1000000", "--set", "tiktok-status-rate=1000000", "--set",
          "tiktok-creator-rate=1000000", "--set", "tiktok-posts=1000000"]
SLOW = ["--latency", str(LATENCY_S), "--bandwidth", f"{MBIT}M", *LIMITS]


def make_clips(count):
    """Of three megabytes, each with a number of its own in a box that players skip."""
    with open(clip(), "rb") as file:
        data = file.read()
    paths = []
    for number in range(count):
        size = max(3_000_000 - len(data), 64)
        path = os.path.join(folder("bench"), f"clip {number}.mp4")
        with open(path, "wb") as file:
            file.write(data + size.to_bytes(4, "big") + b"free" + number.to_bytes(8, "big"))
            file.truncate(len(data) + size)
        paths.append(path)
    return paths


def publish(world, *arguments):
    """Seconds of the posting, without signing in and reading clips; and when each post began and
    ended."""
    if world("publish", *arguments, "--no-wait", "--sandbox=" + world.url).code != 0:
        sys.exit("bench: nothing could be planned")
    begin, times = time.monotonic(), {}
    child = world.start("publish", "--retry", "--json")
    for line in child.stdout:
        event = json.loads(line)
        if event["event"] == "post":
            now = time.monotonic() - begin
            first, _ = times.get(event["id"], (now, now))
            times[event["id"]] = first, now
    if child.wait() != 0:
        sys.exit(f"bench: publish ended with {child.returncode}: {world.known()}")
    return time.monotonic() - begin, times


def at_once(paths):
    with World("bench-all", *SLOW) as world:
        return publish(world, *paths, "-t", "all")


def one_after_another(paths):
    """Each platform has the same work with each clip, so that a few clips tell of all."""
    with World("bench-one", *SLOW) as world:
        spent = 0
        for path in paths[:2]:
            for platform in PLATFORMS:
                seconds, _ = publish(world, path, "-t", platform)
                spent += seconds
        return spent / 2 * len(paths)


def slowest_alone(path):
    """The longest of the posts when there is nothing beside it."""
    most = 0
    for platform in PLATFORMS:
        with World("bench-bound-" + platform, *SLOW) as world:
            seconds, _ = publish(world, path, "-t", platform)
            print(f"{'  one post to ' + platform:36}{seconds:8.2f} s", flush=True)
            most = max(most, seconds)
    return most


# ---- one large file ----

def sparse(path, size):
    """A clip, and behind it a box that players skip; takes no room on the disk."""
    with open(clip(), "rb") as source, open(path, "wb") as file:
        data = source.read()
        file.write(data + (1).to_bytes(4, "big") + b"free" + (size - len(data)).to_bytes(8, "big"))
        file.truncate(size)


def by_curl(world, path):
    body = json.dumps({"platform": "youtube"}).encode()
    asked = urllib.request.Request(world.url + "/sandbox/token", body,
                                   {"Content-Type": "application/json"})
    token = json.load(urllib.request.urlopen(asked))["access_token"]
    asked = urllib.request.Request(
        world.url + "/upload/youtube/v3/videos?uploadType=resumable&part=snippet,status",
        json.dumps({"snippet": {"title": "A clip"}, "status": {}}).encode(),
        {"Content-Type": "application/json", "Authorization": "Bearer " + token})
    place = urllib.request.urlopen(asked).headers["Location"]
    begin = time.monotonic()
    subprocess.run(["curl", "-sSf", "-T", path, "-H", "Authorization: Bearer " + token, place],
                   check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begin


def peak_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))


def by_kirinuki(world, path):
    """Seconds from the first byte to the last, and the peak of memory in MB."""
    child = world.start("publish", path, "-t", "youtube", "--json", "--force", "--sandbox=" + world.url)
    peaks, times = [], {}

    def look():
        while child.poll() is None:
            try:
                peaks.append(peak_kb(child.pid))
            except (OSError, StopIteration):
                return
            time.sleep(0.05)

    watch = threading.Thread(target=look)
    watch.start()
    for line in child.stdout:
        event = json.loads(line)
        times.setdefault(event.get("state"), time.monotonic())
    watch.join()
    if child.wait() != 0:
        sys.exit(f"bench: publish ended with {child.returncode}: {world.known()}")
    return times["processing"] - times["uploading"], max(peaks) / 1024


def large_file():
    size = int(float(os.environ.get("BENCH_GB", "4")) * 1e9)
    with tempfile.TemporaryDirectory(dir="build") as place, World("bench-large") as world:
        if shutil.disk_usage(place).free < 2.5 * size:
            print("skipped: there is no room for two copies of the large file")
            return
        path, small = os.path.join(place, "large.mp4"), os.path.join(place, "small.mp4")
        sparse(small, size // 16)
        _, little_mb = by_kirinuki(world, os.path.abspath(small))
        sparse(path, size)
        curl_s, own_s, peak_mb = [], [], 0
        for _ in range(2):  # each is first once
            took_s, peak = by_kirinuki(world, os.path.abspath(path))
            own_s.append(took_s)
            peak_mb = max(peak_mb, peak)
            world.ask("/sandbox/reset", {})  # and what it holds is removed
            curl_s.append(by_curl(world, path))
            world.ask("/sandbox/reset", {})
        curl_s, own_s = min(curl_s), min(own_s)
    print(f"{'curl -T':36}{size / 1e6 / curl_s:8.0f} MB/s")
    print(f"{'kirinuki, hashing what it sends':36}{size / 1e6 / own_s:8.0f} MB/s")
    print(f"{'memory: a 16th of the file':36}{little_mb:8.1f} MB")
    print(f"{'memory: the file':36}{peak_mb:8.1f} MB")
    aim("throughput against curl -T", curl_s / own_s, 0.8, least=True)
    aim("memory against that of a 16th", peak_mb / little_mb, 1.1)


def aim(what, value, bound, least=False):
    good = value >= bound if least else value <= bound
    print(f"aim: {what}: {value:.2f} (at {'least' if least else 'most'} {bound:g}) "
          f"{'reached' if good else 'MISSED'}", flush=True)


def main():
    if not shutil.which("ffmpeg") or not shutil.which("curl"):
        print("skipped: ffmpeg and curl are not here")
        return
    paths = make_clips(int(os.environ.get("BENCH_CLIPS", "10")))
    bound = slowest_alone(paths[0])
    total, times = at_once(paths)
    row = one_after_another(paths)
    print(f"{f'{len(paths)} clips to {len(PLATFORMS)} platforms, at once':36}{total:8.2f} s")
    print(f"{'  longest of these posts':36}{max(b - a for a, b in times.values()):8.2f} s")
    print(f"{'the same one after another, by two':36}{row:8.2f} s")
    print(f"{'times as fast':36}{row / total:8.1f}")
    aim("total against the slowest post alone", total / bound, 1.15)
    large_file()
    shutil.rmtree(folder(""), ignore_errors=True)


main()
