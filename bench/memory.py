#!/usr/bin/env python3
"""memory.py: what jobs are expected to take (service/job_need.h) against what they take.

A worker with one job each, from 360p to 4K, rendered and copied: its peak of resident memory beside
base + need. Then as many 4K jobs as BENCH_COUNT (20) in a budget of 1 GB: the peak stays below it,
and the jobs that wait say why.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys

WORK = pathlib.Path("build/bench/memory")
PROGRAM = os.path.abspath("build/kirinuki")
BASE_MB = 215  # KN_WORKER_BASE_BYTES
SIZES = ["640x360", "1280x720", "1920x1080", "3840x2160"]
WAYS = [([], SIZES), (["--copy"], SIZES), (["--preset", "slow"], SIZES[::3]),
        (["-a", "9:16,1:1,16:9"], SIZES[::3])]
SAID = ("Nobody believed that bridges would ever be understood by ordinary people. It began in a "
        "small room with two people and one broken machine. What would you do with three more "
        "hours every single day?")


def make(size):
    path = WORK / f"{size}.mp4"
    if not path.exists():
        part = WORK / "part.mp4"
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i",
                        f"testsrc2=s={size}:r=30:d=14", "-f", "lavfi", "-i",
                        f"flite=text='{SAID}':voice=rms,apad", "-t", "14", "-c:v", "libx264",
                        "-preset", "ultrafast", "-bf", "3", "-refs", "4", "-g", "120", "-pix_fmt",
                        "yuv420p", "-c:a", "aac", str(part)], check=True)
        part.rename(path)
    return path.resolve()


class Queue:
    def __init__(self, name):
        self.home = WORK / name
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        self.env = dict(os.environ, XDG_CACHE_HOME=str(self.home.resolve() / "cache"),
                        KIRINUKI_STORE=str(self.home.resolve() / "queue.db"))

    def ask(self, *arguments):
        return subprocess.run([PROGRAM, *map(str, arguments)], env=self.env, cwd=self.home,
                              check=True, capture_output=True, text=True).stdout

    def jobs(self):
        return json.loads(self.ask("jobs", "--json", "-n", "1000"))

    def add(self, *arguments):
        self.ask("add", "-n", "1", "-l", "5-8", *arguments)

    def work(self, *arguments, look=None):
        """The peak in MB of a worker that works until nothing is left."""
        with open(self.home / "stdout", "wb") as out:
            child = subprocess.Popen([PROGRAM, "worker", "--json", *arguments], env=self.env,
                                     cwd=self.home, stdin=subprocess.DEVNULL, stdout=out)
        if look:
            look(child)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        undone = [j for j in self.jobs() if j["state"] != "done"]
        if child.returncode or undone:
            sys.exit(f"bench: the worker ended with {child.returncode}, {len(undone)} left")
        return used.ru_maxrss / 1024


def one_each():
    worst = 0
    print(f"{'':28}{'expected':>10}{'measured':>10}   MB, with {BASE_MB} of the process")
    for way, sizes in WAYS:
        for size in sizes:
            queue = Queue("one")
            queue.add(*way, make(size))
            expected = BASE_MB + queue.jobs()[0]["memory_bytes"] / 2**20
            peak = queue.work("--drain")
            worst = max(worst, peak / expected)
            print(f"{size + ' ' + ' '.join(way):28}{expected:10.0f}{peak:10.0f}   "
                  f"{peak / expected:.2f}", flush=True)
    return worst


def many():
    count = int(os.environ.get("BENCH_COUNT", "20"))
    queue = Queue("many")
    source = make(SIZES[-1])
    for number in range(count):
        queue.add("--copy", "--force", "-o", queue.home.resolve() / f"out-{number}", source)
    said = set()

    def look(child):
        # Asked while the first jobs run; a worker tells its room within half a second.
        while child.poll() is None and not any("memory" in text for text in said):
            said.update(j["waits"] for j in queue.jobs() if j["waits"])

    peak = queue.work("--drain", "--memory", "1G", look=look)
    for text in sorted(t for t in said if "memory" in t)[:2]:
        print(f"  a job that waits: {text}")
    if not any("memory" in text for text in said):
        sys.exit("bench: no job said that it waits for memory")
    return peak


def aim(what, value, most):
    print(f"aim: {what}: {value:.2f} (at most {most:g}) "
          f"{'reached' if value <= most else 'MISSED'}")


def main():
    if not shutil.which("ffmpeg"):
        print("skipped: ffmpeg is not here to make the videos")
        return
    WORK.mkdir(parents=True, exist_ok=True)
    worst = one_each()
    peak = many()
    print()
    aim("measured, of what was expected, at worst", worst, 1)
    aim("4K jobs with --memory 1G, of it", peak / 1024, 1)


main()
