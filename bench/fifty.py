#!/usr/bin/env python3
"""fifty.py: fifty videos in flight at once, against the same fifty one after another.

At once: `kirinuki add`, then a worker that has all of them in flight. One after another: a process
for each video with the parallel framework off (-j 1). Both begin with an empty cache.

The bound is the CPU seconds of the run over the cores: nothing that computes as much can be done
sooner. Where others use the cores as well, what they took is subtracted from them, and said.

BENCH_COUNT    how many videos (50), of 12 to 26 s; made once, kept in build/bench/fifty
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

WORK = pathlib.Path("build/bench/fifty")
PROGRAM = os.path.abspath("build/kirinuki")
FFMPEG = ["ffmpeg", "-nostdin", "-v", "error", "-y"]
CLIPS = ["-n", "1", "-l", "5-8"]
MEMORY_MB_MOST = 2048
CORES = len(os.sched_getaffinity(0))
TICKS = os.sysconf("SC_CLK_TCK")

OPENINGS = ["The most surprising thing about {} is how little of it we can see.",
            "Nobody believed that {} would ever be understood by ordinary people.",
            "Here is a mistake that everybody makes with {}, and how to avoid it.",
            "Ten years ago I lost everything because of {}, and I would do it again."]
SECONDS = ["It began in a small room with two people and one broken machine.",
           "So we measured it again, a hundred times, and the answer was always the same.",
           "What would you do with three more hours every single day?",
           "That is the reason why the oldest answer is still the best one."]
SUBJECTS = ["bridges", "bees", "the tides", "old clocks", "sleep", "bread", "glass", "mountains",
            "paper", "copper", "rivers", "the wind", "salt", "maps", "lightning", "silk"]


# ---- the videos ----

def say(number):
    """Speech of 12 to 16 s, with a pause after each sentence."""
    subject = SUBJECTS[number % len(SUBJECTS)]
    text = [OPENINGS[number % len(OPENINGS)].format(subject)]
    text += [SECONDS[(number + k) % len(SECONDS)] for k in range(2 + number % 2)]
    path = WORK / f"text-{number}"
    path.write_text(" ".join(text))
    return ["-f", "lavfi", "-i", f"flite=textfile={path}:voice=rms,atempo=1,apad=pad_dur=2"]


def hum(number, seconds):
    return ["-f", "lavfi", "-i", f"sine=f={200 + 10 * number}:d={seconds},tremolo=f=3"]


def picture(number, seconds):
    """Shots of a few seconds: something that moves, a title that stands, something else."""
    shot = seconds / 3
    size = ["640x360", "854x480", "1280x720"][number % 3]
    return (f"testsrc2=s={size}:r=25:d={shot}[a];"
            f"gradients=s={size}:r=25:d={shot}:seed={number}:speed=0.02[b];"
            f"mandelbrot=s={size}:r=25:end_pts=400,trim=duration={shot}[c];"
            "[a][b][c]concat=n=3,format=yuv420p[v]")


def make_video(number):
    """Two of three speak; every fifth has no sound at all."""
    path = WORK / "videos" / f"video-{number:02}.mp4"
    if path.exists():
        return path
    seconds = 14 + number % 12
    sound = say(number) if number % 3 else [] if number % 5 == 0 else hum(number, seconds)
    part = path.with_name("part.mp4")
    subprocess.run([*FFMPEG, *sound, "-filter_complex", picture(number, seconds), "-map", "[v]",
                    *(["-map", "0:a", "-c:a", "aac"] if sound else []), "-t", str(seconds),
                    "-c:v", "libx264", "-preset", "veryfast", "-g", "100", str(part)], check=True)
    part.rename(path)
    return path


def make_videos(count):
    (WORK / "videos").mkdir(parents=True, exist_ok=True)
    if not (WORK / "videos" / f"video-{count - 1:02}.mp4").exists():
        print("making the videos (a minute or two)", flush=True)
    return [make_video(i) for i in range(count)]


# ---- running ----

def busy_seconds():
    """CPU seconds of the whole machine so far, what the host took for others included."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, _, _, irq, soft, steal = map(int, stat.readline().split()[1:9])
    return (user + nice + system + irq + soft + steal) / TICKS


class Phase:
    """Processes one after another: their wall and CPU seconds, the largest one's memory, and what
    everybody else took of the cores meanwhile."""

    def __init__(self, name):
        self.name, self.cpu, self.peak_mb = name, 0, 0
        self.home = WORK / name.replace(" ", "-")
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        self.env = dict(os.environ, XDG_CACHE_HOME=str(self.home.resolve() / "cache"),
                        KIRINUKI_STORE=str(self.home.resolve() / "queue.db"))
        self.start, self.busy = time.monotonic(), busy_seconds()

    def run(self, *arguments):
        errors = self.home / "stderr"
        with open(errors, "wb") as log, open(self.home / "stdout", "ab") as out:
            child = subprocess.Popen([PROGRAM, *map(str, arguments)], stdin=subprocess.DEVNULL,
                                     stdout=out, stderr=log, env=self.env, cwd=self.home)
            _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            sys.stderr.write(errors.read_text(errors="replace")[-2000:])
            sys.exit(f"bench: kirinuki {arguments[0]} failed")
        self.cpu += used.ru_utime + used.ru_stime
        self.peak_mb = max(self.peak_mb, used.ru_maxrss / 1024)

    def end(self):
        self.wall = time.monotonic() - self.start
        self.others = max(busy_seconds() - self.busy - self.cpu, 0) / self.wall
        self.bound = self.cpu / max(CORES - self.others, 0.1)
        print(f"  {self.name:20} {self.wall:7.1f} s wall {self.cpu:7.1f} s CPU "
              f"{self.peak_mb:6.0f} MB   others took {self.others:.2f} of {CORES} cores",
              flush=True)

    def clips(self):
        return sorted(p for p in self.home.glob("*-clips/*.mp4"))


def at_once(videos):
    phase = Phase("at once")
    phase.run("add", *CLIPS, *videos)
    phase.run("worker", "--drain", "--quiet", "--concurrency", len(videos), "--chunk", len(videos))
    phase.end()
    asked = subprocess.run([PROGRAM, "jobs", "--json", "-n", "1000"], env=phase.env, check=True,
                           capture_output=True, text=True)
    jobs = json.loads(asked.stdout)
    once = [j for j in jobs if j["state"] == "done" and j["attempt"] == 1]
    if len(once) != len(videos) or len(phase.clips()) != len(videos):
        sys.exit(f"bench: {len(once)} of {len(videos)} jobs were done once, "
                 f"with {len(phase.clips())} clips")
    return phase


def one_by_one(videos):
    phase = Phase("one after another")
    for video in videos:
        phase.run("run", "--quiet", "-j", "1", *CLIPS, video)
    phase.end()
    if len(phase.clips()) != len(videos):
        sys.exit(f"bench: {len(phase.clips())} clips of {len(videos)} videos")
    return phase


def aim(what, value, limit, least):
    met = value >= limit if least else value <= limit
    print(f"aim: {what}: {value:.2f} (at {'least' if least else 'most'} {limit:g}) "
          f"{'reached' if met else 'MISSED'}")


def main():
    if not shutil.which("ffmpeg"):
        print("skipped: ffmpeg is not here to make the videos")
        return
    count = int(os.environ.get("BENCH_COUNT", "50"))
    videos = [v.resolve() for v in make_videos(count)]
    together = at_once(videos)
    alone = one_by_one(videos)
    print(f"\n{count} videos on {CORES} cores")
    print(f"  CPU bound of the run at once: {together.cpu:.1f} s / {CORES} cores = "
          f"{together.cpu / CORES:.1f} s; on what others left, {together.bound:.1f} s")
    print(f"  {count / together.wall * 3600:.0f} videos an hour; "
          f"{3600 * count / alone.wall:.0f} one after another")
    aim("wall, of one after another", together.wall / alone.wall, 0.55, False)
    aim("CPU, of one after another", together.cpu / alone.cpu, 1.05, False)
    aim("bound, of the wall that it took", together.bound / together.wall, 0.9, True)
    aim(f"peak memory of {count} in flight, MB", together.peak_mb, MEMORY_MB_MOST, False)


main()
