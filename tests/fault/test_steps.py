#!/usr/bin/env python3
"""One job with real speech, whose workers are killed one after the other, each in the middle of
another step. Every worker goes on after the last step that was finished: nothing that was heard is
listened to again, no finished clip is made again, and nothing half-written has its final name.
"""
import glob
import json
import os

from fault import (PROMPT, break_calls, case, check_clips, check_ended_once, check_playable, clips_in,
                   drain, ffmpeg, folder, kill, let_leases_end, main, models_folder, prints,
                   queue_of, rows, sample, step_times, tool, wait_for)

OPTIONS = ["-n", "2", "-l", "5-6", "-a", "1:1", "--preset", "ultrafast", "--attempts", "20"]


def talk():
    """The first sentences of the sample talk."""
    models_folder()
    tool("ffprobe")
    short = os.path.join(folder("talks"), "talk.mp4")
    ffmpeg("-i", sample()[0], "-t", "44", "-c", "copy", short)
    return short


class Story:
    """The job, and what must not change any more."""

    def __init__(self, queue, source):
        self.queue, self.source = queue, source
        self.job, = queue.add(source, *OPTIONS)
        self.out = queue.out("talk")
        self.words = {}  # files with what was heard, and when they were made
        self.made, self.steps = {}, {}  # clips that a step names, and when it was recorded
        self.deaths = 0

    def worker(self, *arguments, **broken):
        let_leases_end(self.queue)
        return self.queue.start("worker", "-j", "1", *PROMPT, *arguments, **broken)

    def dies(self, where, calls, at, how="kill", **more):
        """A worker dies at that call. `where` is for whoever reads the failure."""
        worker = self.worker("--drain", **break_calls(calls, at, how, **more))
        said = worker.communicate(timeout=120)
        assert worker.returncode == -9, (where, said, self.queue.show(self.job))
        self.queue.workers.remove(worker)
        self.buried(where)

    def dies_recorded(self, steps, where, calls, at, **more):
        """A worker is killed that comes no further than to that call, once these steps are recorded:
        that happens behind its work."""
        self.dies_seen(where, lambda: sorted(steps) == sorted(
            row[0] for row in rows(self.queue, f"SELECT name FROM step WHERE job = {self.job}")),
                       **break_calls(calls, at, "hold", **more))

    def dies_while(self, node, **broken):
        """A worker is killed once it is seen in the middle of a step."""
        def is_within():
            told = rows(self.queue, f"SELECT data FROM progress WHERE job = {self.job}")
            nodes = json.loads(told[0][0])["nodes"] if told else []
            return any(n[2] == node and 0 < n[5] < 1 for n in nodes)

        self.dies_seen(node, is_within, **broken)

    def dies_seen(self, where, is_there, **broken):
        worker = self.worker(**broken)

        def seen():
            assert worker.poll() is None, worker.communicate()
            return is_there()

        wait_for(seen, where, seconds=120)
        kill(worker)
        self.queue.workers.remove(worker)
        self.buried(where)

    def buried(self, where):
        """After each death: what was finished before is as it was."""
        self.deaths += 1
        shown = self.queue.show(self.job)
        assert shown["state"] == "running", (where, shown)
        for step, at in self.steps.items():
            assert step_times(shown)[step] == at, (where, step, shown)
        for name, made in self.made.items():
            assert prints(self.out)[name] == made, f"{where}: {name} was made again"
        for path, made in self.words.items():
            assert os.stat(path).st_mtime_ns == made, f"{where}: the talk was listened to again"
        for name in clips_in(self.out):
            check_playable(os.path.join(self.out, name))
        self.steps = step_times(shown)
        for step in shown["steps"]:
            name = step["data"].get("file")
            if name:
                self.made[name] = prints(self.out)[name]

    def kept(self, pattern):
        found = glob.glob(os.path.join(self.queue.home, "cache", "kirinuki", "timelines", pattern))
        return {path: os.stat(path).st_mtime_ns for path in found if ".part" not in path}


@case
def a_job_whose_workers_die_in_every_step():
    source = talk()
    with queue_of("steps") as queue:
        job = Story(queue, source)
        timelines = os.path.join(queue.home, "cache", "kirinuki", "timelines")
        job.dies("probe", "read", 1, under=source)
        job.dies("identify", "read", 1, under=source, least="1000000")
        assert not os.path.exists(job.out), os.listdir(job.out)
        # Its words would be the first that is kept: it does not come so far, however late we look.
        job.dies_while("listen", **break_calls("rename", 1, "hold", under=timelines))
        assert not job.steps and not job.kept("*.json"), job.steps
        job.dies_recorded(["words"], "what was heard, kept", "rename", 2, under=timelines)
        job.words = job.kept("*.words.json")
        assert len(job.words) == 1 and list(job.steps) == ["words"], (job.words, job.steps)
        # The folder is held when the source is known; what is read then, looking reads alone, as
        # nothing is listened to again.
        lock = job.out + "/.kirinuki/lock"
        os.remove(lock)
        job.dies("look", "read", 2, under=source, **{"while": lock})
        assert list(job.steps) == ["words"], job.steps
        job.dies("timeline and segments", "rename", 1, under=timelines)
        assert list(job.steps) == ["words"], job.steps
        job.dies("the timeline, kept but not recorded", "rename", 1, "killed", under=timelines)
        job.words = job.kept("*-????????.json")
        assert len(job.words) == 1, job.words
        job.dies_recorded(["analysis", "words"], "close look", "read", 2, under=source,
                          **{"while": job.out + "/transcript.srt"})
        job.dies("a clip", "write", 4, under=job.out + "/0")
        assert not clips_in(job.out), os.listdir(job.out)
        job.dies_recorded(["analysis", "clip 1", "words"], "clip 2", "write", 4,
                          under=job.out + "/02-")
        assert list(job.made) == clips_in(job.out) and len(job.made) == 1, os.listdir(job.out)
        job.dies("the files beside clip 2", "rename", 2, "killed", under=job.out + "/02-")
        job.dies_recorded(["analysis", "clip 1", "clip 2", "words"], "the result", "rename", 1,
                          under=job.out + "/result.json")
        assert len(job.made) == 2, job.made
        job.dies("the report", "rename", 1, "killed", under=job.out + "/report.html")
        drain(queue)
        shown = check_ended_once(queue, job.job)
        assert shown["attempt"] == job.deaths + 1 == 14, shown
        assert {r["text"] for r in shown["reasons"]} == {"the worker went away"}, shown
        assert step_times(shown) == job.steps and prints(job.out) == job.made, (shown, job.made)
        result = check_clips(job.out, 2)
        assert result["timeline_reused"] and all(c["reused"] for c in result["clips"]), result
        assert not glob.glob(timelines + "/*.words.json")


main()
