"""What scenario tests share: running the program as a user does, and telling TAP the outcome.

A case is a function decorated with @case; it raises AssertionError to fail and Skip to be skipped.
Each says how long it took, and how much of the cores, so that whoever finds the checks slow sees what
to look at.
"""
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

PROGRAM = os.environ.get("KN_PROGRAM", "build/kirinuki")
ROOT = os.environ.get("KN_SOURCE_ROOT", ".")
CORPUS = os.path.join(ROOT, "..", "shared", "corpus")
HOME = tempfile.mkdtemp(prefix="kirinuki-scenario-")
# Whoever is told to stop does so in a tenth of this on a machine that does nothing else.
AT_ONCE_S = 4
cases = []


class Skip(Exception):
    pass


def case(function):
    cases.append(function)
    return function


def corpus(name):
    path = os.path.join(CORPUS, name)
    if not os.path.exists(path):
        raise Skip(f"../shared/corpus/{name} is not here")
    return path


def environment(**changes):
    """The user's, but with a cache, a configuration and a queue of the test's own."""
    env = dict(os.environ, XDG_CACHE_HOME=HOME + "/cache", XDG_CONFIG_HOME=HOME + "/config")
    for name in [n for n in env if n.startswith(("KIRINUKI_", "OPENAI_", "GROQ_")) and
                 n != "KIRINUKI_MODELS"]:
        del env[name]
    env["KIRINUKI_STORE"] = HOME + "/queue.db"
    env.update({k: v for k, v in changes.items() if v is not None})
    return env


class Outcome:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def complaints(self):
        return [l for l in self.err.splitlines() if l.startswith("kirinuki: ")]

    def __repr__(self):
        return f"exit {self.code}\n--- stdout\n{self.out[-2000:]}\n--- stderr\n{self.err[-2000:]}"


def kirinuki(*arguments, env=None, timeout=300, cwd=None):
    done = subprocess.run([os.path.abspath(PROGRAM), *arguments], capture_output=True,
                          env=env or environment(), timeout=timeout, cwd=cwd or HOME,
                          stdin=subprocess.DEVNULL, check=False)
    return Outcome(done.returncode, done.stdout.decode(errors="replace"),
                   done.stderr.decode(errors="replace"))


def folder(name):
    path = os.path.join(HOME, name)
    os.makedirs(path, exist_ok=True)
    return path


def tool(name):
    if not shutil.which(name):
        raise Skip(f"{name} is not installed")
    return name


def ffmpeg(*arguments):
    subprocess.run([tool("ffmpeg"), "-nostdin", "-v", "error", "-y", *arguments], check=True,
                   timeout=300)


def probe(path):
    """What ffprobe says of a file: its format and streams, the video stream first."""
    text = subprocess.run([tool("ffprobe"), "-v", "error", "-of", "json", "-show_format",
                           "-show_streams", path], check=True, capture_output=True, timeout=60).stdout
    found = json.loads(text)
    found["video"] = next((s for s in found["streams"] if s["codec_type"] == "video"), None)
    found["audio"] = next((s for s in found["streams"] if s["codec_type"] == "audio"), None)
    return found


def loudness(path):
    """Integrated loudness (LUFS) and true peak (dBTP) of a file, as ffmpeg measures them."""
    said = subprocess.run([tool("ffmpeg"), "-nostdin", "-i", path, "-af", "ebur128=peak=true",
                           "-vn", "-f", "null", "-"], capture_output=True, check=True,
                          timeout=120).stderr
    summary = said.decode().rsplit("Summary:", 1)[1]
    return (float(re.search(r"I:\s+(-?[\d.]+) LUFS", summary).group(1)),
            float(re.search(r"Peak:\s+(-?[\d.]+) dBFS", summary).group(1)))


def models_folder():
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    models = os.environ.get("KIRINUKI_MODELS") or os.path.join(data, "kirinuki/models")
    if not os.path.isdir(models):
        raise Skip("no models here")
    return models


def sample():
    """The sample talk and its truth; made by the project's own script, once a build folder."""
    script = os.path.join(ROOT, "scripts", "sample-talk.sh")
    if not os.path.exists(script):
        raise Skip("the sample talk's script is not here")
    talk = os.path.join(ROOT, "build", "sample", "talk.mp4")
    truth = talk[:-4] + ".truth.tsv"
    os.makedirs(os.path.dirname(talk), exist_ok=True)
    with open(talk + ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several tests begin at the same time
        if not os.path.exists(truth):
            subprocess.run([script, talk], check=True, capture_output=True, timeout=900)
    rows = []
    with open(truth, encoding="utf-8") as tsv:
        header = tsv.readline().rstrip("\n").split("\t")
        for line in tsv:
            row = dict(zip(header, line.rstrip("\n").split("\t")))
            row["start"] = float(row["start"])
            row["end"] = float(row["end"]) if row["end"] else None
            rows.append(row)
    return talk, rows


def words(text):
    return re.findall(r"[a-z0-9']+", text.lower())


def subtitles(path):
    """(start, end, text) of an SRT file, in seconds."""
    found = []
    with open(path, encoding="utf-8") as srt:
        for block in srt.read().strip().split("\n\n"):
            lines = block.split("\n")
            times = re.findall(r"(\d+):(\d+):(\d+),(\d+)", lines[1])
            start, end = (int(h) * 3600 + int(m) * 60 + int(s) + int(ms) / 1000
                          for h, m, s, ms in times)
            found.append((start, end, " ".join(lines[2:])))
    return found


def leftovers(path):
    """Unfinished files below a folder."""
    return [os.path.join(d, f) for d, _, names in os.walk(path) for f in names if ".part" in f]


def expect_complaint(outcome, code, pattern):
    """One clear sentence on stderr, the right exit code, no crash."""
    assert outcome.code == code, outcome
    assert len(outcome.complaints) == 1, outcome
    assert re.search(pattern, outcome.complaints[0]), outcome
    assert len(outcome.complaints[0]) < 400, outcome


def computed():
    """How long programs that were started, and have ended, have used a core, in seconds."""
    spent = os.times()
    return spent.children_user + spent.children_system


def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    wanted = sys.argv[1:]
    chosen = [c for c in cases if not wanted or any(w in c.__name__ for w in wanted)]
    print(f"1..{len(chosen)}", flush=True)
    failed = 0
    for number, function in enumerate(chosen, 1):
        begin, used = time.monotonic(), computed()
        try:
            function()
            took_s = getattr(function, "took_s", time.monotonic() - begin)  # beside others
            print(f"ok {number} {function.__name__} # {took_s:.1f} s, "
                  f"{computed() - used:.1f} s of a core", flush=True)
        except Skip as why:
            print(f"ok {number} # SKIP {function.__name__}: {why}", flush=True)
        except Exception:  # a case may fail in any way
            failed += 1
            for line in traceback.format_exc().splitlines():
                print(f"# {line}")
            print(f"not ok {number} {function.__name__}", flush=True)
    shutil.rmtree(HOME, ignore_errors=True)
    sys.exit(1 if failed else 0)
