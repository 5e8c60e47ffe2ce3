"""A queue of a test's own, with the videos that are put into it and the workers at it."""
import json
import os
import signal
import subprocess

from scenario import PROGRAM, environment, ffmpeg, folder, kirinuki

QUICK = ["--no-speech", "-n", "1", "-l", "5-8", "--copy"]
RENDER = ["--no-speech", "-n", "2", "-l", "5-8", "--preset", "ultrafast"]


def video(name, seconds=14, number=0):
    """A moving picture with a hum; `number` makes its content its own."""
    path = os.path.join(folder("videos"), name)
    if not os.path.exists(path):
        ffmpeg("-f", "lavfi", "-i", f"testsrc2=s=320x180:r=25:d={seconds}", "-f", "lavfi", "-i",
               f"sine=f={300 + number}:d={seconds},tremolo=f=4", "-shortest", "-preset",
               "ultrafast", path)
    return path


class Queue:
    """A queue of a case's own, in a folder of its own."""

    def __init__(self, name, store=None):
        self.home = folder("queue-" + name)
        self.store = store or self.home + "/queue.db"
        self.env = environment(KIRINUKI_STORE=self.store, XDG_CACHE_HOME=self.home + "/cache")
        self.workers = []

    def __call__(self, *arguments, **how):
        return kirinuki(*arguments, env=self.env, cwd=self.home, **how)

    def good(self, *arguments, **how):
        outcome = self(*arguments, **how)
        assert outcome.code == 0, outcome
        return outcome

    def add(self, *arguments):
        said = self.good("add", *arguments, "--json").out
        return [json.loads(line)["id"] for line in said.splitlines()]

    def show(self, job):
        return json.loads(self.good("show", str(job), "--json").out)

    def jobs(self, *arguments):
        return json.loads(self.good("jobs", "--json", "-n", "1000", *arguments).out)

    def start(self, *arguments, **changes):
        """A program that goes on; its stdout is read by the caller. `changes`: to its environment.
        """
        # pylint: disable=consider-using-with
        child = subprocess.Popen([os.path.abspath(PROGRAM), *arguments],
                                 env=dict(self.env, **changes), cwd=self.home, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 stdin=subprocess.DEVNULL)
        self.workers.append(child)
        return child

    def until(self, job, wanted):
        """Follows a job until an event, also one that was before, is `wanted`."""
        watch = self.start("watch", str(job), "--json", "--since", "0")
        for line in watch.stdout:
            event = json.loads(line)
            if wanted(event):
                watch.kill()
                watch.communicate()
                return event
        raise AssertionError(f"job {job} ended first: {self.show(job)}")

    def out(self, name):
        return os.path.join(self.home, name + "-clips")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
                worker.communicate()


def kill(child):
    child.send_signal(signal.SIGKILL)
    child.communicate()


def is_step(name):
    return lambda event: event.get("what") == "step" and event.get("detail") == name


def is_claimed(event):
    return event.get("what") == "claimed"


def step_times(job):
    return {step["name"]: step["at"] for step in job["steps"]}
