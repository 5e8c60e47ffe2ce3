#!/usr/bin/env python3
"""ai.py: everything that is asked of AI services at once, against one request after another.

A source of 30 minutes, then 20 sources of 5 minutes, against the sandbox, each request taking 2 s, give
or take one. One after another: the same work with a sandbox that answers one request at a time.

The bound is the longer of two. The services' own: all of the latency over as many requests as are
allowed at once. And the longest chain: the local work alone, measured with answers that take no time,
then the answer to the last piece of speech, then the ranking, which waits for all of it.

With BENCH_LONG=1, a source of three hours (BENCH_HOURS) alone: it has to end with everything answered, in
bounded memory, close to the same bound; one after another is what its latencies and CPU time add up to.

BENCH_MINUTES, BENCH_COUNT    the long source (30) and how many of five minutes (20)
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

WORK = pathlib.Path("build/bench/ai")
PROGRAM = os.path.abspath("build/kirinuki")
FFMPEG = ["ffmpeg", "-nostdin", "-v", "error", "-y"]
CORES = len(os.sched_getaffinity(0))
MODELS = os.environ.get("KIRINUKI_MODELS") or os.path.join(
    os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share"), "kirinuki/models")
AT_ONCE = 16  # --ai-at-once, of each of three services
LATENCY = "2±1"


def make_source(seconds, number):
    """The sample talk again and again, beginning elsewhere each time."""
    path = WORK / f"source-{seconds}-{number}.mp4"
    if not path.exists():
        part = path.with_name("part.mp4")
        subprocess.run([*FFMPEG, "-ss", str(3 * number), "-stream_loop", "-1", "-i",
                        "build/sample/talk.mp4", "-t", str(seconds), "-c", "copy", str(part)],
                       check=True)
        part.rename(path)
    return path.resolve()


class Sandbox:
    def __init__(self, *options):
        self.process = subprocess.Popen(
            [PROGRAM, "sandbox", "--port", "0", "--json", *options],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = json.loads(self.process.stdout.readline())["base_url"]

    def ledger(self):
        address = self.url.rsplit("/", 1)[0] + "/sandbox/ledger"
        with urllib.request.urlopen(address) as answer:
            return json.load(answer)["requests"]

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=10)


def run(sandbox, videos, jobs):
    """Seconds of the wall clock and of the processor, and the peak of resident memory in MB."""
    home = WORK / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    env = dict(os.environ, XDG_CACHE_HOME=str(home.resolve() / "cache"), KIRINUKI_MODELS=MODELS, XDG_DATA_HOME=str(home.resolve() / "data"),
               KIRINUKI_STORE=str(home.resolve() / "queue.db"), KIRINUKI_AI_URL=sandbox.url,
               KIRINUKI_AI_KEY="sk-bench")
    options = ["--ai", "--no-ai-cache", *jobs]
    command = ([PROGRAM, "analyze", *options, videos[0]] if len(videos) == 1 else
               [PROGRAM, "run", *options, "--copy", "-n", "1", "-l", "5-8", *videos])
    with open(home / "stderr", "wb") as log, open(home / "stdout", "wb") as out:
        start = time.monotonic()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=log, env=env, cwd=home)
        _, status, used = os.wait4(child.pid, 0)
        wall = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"bench: kirinuki failed:\n{(home / 'stderr').read_text()[-2000:]}")
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def slowest(requests, path, images):
    return max((r["latency_s"] for r in requests
                if r["path"] == path and bool(r["images"]) == images), default=0)


def all_at_once(videos, jobs=()):
    """Everything at once, and its bounds: (wall, larger bound, requests, CPU seconds, peak in MB)."""
    sandbox = Sandbox("--latency", "0")
    local, _, _ = run(sandbox, videos, jobs)
    sandbox.close()
    sandbox = Sandbox("--latency", LATENCY)
    wall, cpu, peak = run(sandbox, videos, jobs)
    requests = sandbox.ledger()
    sandbox.close()
    kinds = {}
    for r in requests:
        key = "pictures" if r["images"] else r["path"]
        kinds.setdefault(key, []).append(r["latency_s"])
    share = max(sum(of) for of in kinds.values()) / AT_ONCE  # each service has a limit of its own
    last = [r for r in requests if r["path"] == "transcriptions"][-1]["latency_s"]
    chain = local + last + slowest(requests, "chat", False)
    print(f"  {len(requests)} requests, {latency(requests):.1f} s of latency: " +
          ", ".join(f"{len(of)} {kind}" for kind, of in sorted(kinds.items())))
    print(f"  all at once            {wall:7.1f} s wall {cpu:7.1f} s CPU {peak:5.0f} MB")
    print(f"  bounds: latency over {AT_ONCE} at once {share:.1f} s, longest chain {chain:.1f} s "
          f"(local work alone {local:.1f} s)")
    return wall, max(share, chain), requests, cpu, peak


def latency(requests):
    return sum(r["latency_s"] for r in requests)


def measure(name, videos):
    print(name, flush=True)
    wall, bound, *_ = all_at_once(videos)
    sandbox = Sandbox("--latency", LATENCY, "--at-once", "1")
    alone, _, _ = run(sandbox, videos, ["--ai-at-once", "1", "-j", "1"])
    sandbox.close()
    print(f"  one after another      {alone:7.1f} s wall")
    return [aim("all at once, of one after another", wall / alone, 0.20),
            aim("all at once, of the larger bound", wall / bound, 1.2)]


def measure_long(hours):
    """Hours of one source. One after another is not waited for: latencies and CPU time are added up."""
    print(f"one source of {hours} hours", flush=True)
    wall, bound, requests, cpu, peak = all_at_once([make_source(3600 * hours, 0)], ["--json"])
    alone = latency(requests) + cpu
    timeline = json.loads((WORK / "home/stdout").read_text())["timeline"]
    print(f"  one after another      {alone:7.1f} s, as the sum of latencies and CPU time: "
          f"{wall / alone:.2f} of it")
    refused = sum(r["status"] != 200 for r in requests)
    print(f"  {len(timeline['words'])} words, {len(timeline['sights'])} sights, {refused} requests refused, at "
          f"most {max(r['at_once'] for r in requests)} at once; notes: {timeline.get('notes') or 'none'}")
    return [aim("refused, or the timeline partial", refused + bool(timeline.get("partial")), 0),
            aim("all at once, of the larger bound", wall / bound, 1.2),
            aim("peak of resident memory in MB", peak, 600)]


def aim(what, value, most):
    reached = value <= most
    print(f"aim: {what}: {value:.2f} (at most {most:g}) {'reached' if reached else 'MISSED'}",
          flush=True)
    return reached


def main():
    WORK.mkdir(parents=True, exist_ok=True)
    if not pathlib.Path("build/sample/talk.mp4").exists():
        subprocess.run(["scripts/sample-talk.sh", "build/sample/talk.mp4"], check=True)
    if os.environ.get("BENCH_LONG"):
        sys.exit(not all(measure_long(int(os.environ.get("BENCH_HOURS", "3")))))
    minutes = int(os.environ.get("BENCH_MINUTES", "30"))
    count = int(os.environ.get("BENCH_COUNT", "20"))
    good = measure(f"one source of {minutes} minutes", [make_source(60 * minutes, 0)])
    good += measure(f"{count} sources of 5 minutes", [make_source(300, i) for i in range(count)])
    sys.exit(not all(good))


main()
