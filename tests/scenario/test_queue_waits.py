#!/usr/bin/env python3
"""The queue where things are away for a while, are asked for twice, or are over already."""
import json
import os
import re
import shutil

from queues import QUICK, Queue, video
from scenario import case, expect_complaint, folder, main


def events(text):
    return [json.loads(line) for line in text.splitlines()]


def until(worker, what):
    for line in worker.stdout:
        event = json.loads(line)
        if event.get("what") == what:
            return event
    raise AssertionError(f"the worker ended without “{what}”: {worker.communicate()}")


@case
def a_share_that_is_away_is_waited_for():
    with Queue("share") as queue:
        share = folder("queue-share/share")
        shutil.copy(video("many-0.mp4"), share + "/talk.mp4")
        shutil.copy(video("many-1.mp4", number=1), share + "/last.mp4")
        job, = queue.add("share/talk.mp4", *QUICK)
        given_up, = queue.add("share/last.mp4", *QUICK, "--attempts", "1")
        other, = queue.add(video("many-2.mp4", number=2), *QUICK)
        os.rename(share, share + ".away")
        worker = queue.start("worker", "--drain", "--json", "--concurrency", "1")
        again = until(worker, "again")
        assert again["id"] == job and "No such file" in again["text"], again
        assert until(worker, "failed")["id"] == given_up
        assert until(worker, "done")["id"] == other  # goes on with what it can do
        shown = queue.show(job)
        assert shown["state"] == "queued" and shown["attempt"] == 1, shown
        assert re.match(r"retry 2 of 5 in (2\d|30) s: .*No such file", shown["waits"]), shown
        assert "No such file" in queue.show(given_up)["reasons"][0]["text"]
        os.rename(share + ".away", share)
        assert worker.poll() is None  # what has begun is waited for, also with --drain
        queue.good("bump", str(job))
        assert until(worker, "done")["id"] == job
        assert worker.wait(timeout=120) == 0
        assert queue.show(job)["attempt"] == 2
        # A video of `run` is one attempt, at once.
        os.rename(share, share + ".away")
        expect_complaint(queue("run", "share/talk.mp4", *QUICK), 1, "No such file")
        assert len(queue.jobs("--state", "queued")) == 0


@case
def a_drained_queue_tells_what_is_left_for_later():
    with Queue("later") as queue:
        queue.add(video("many-0.mp4"), *QUICK, "--at", "+2d")
        queue.add(video("many-1.mp4", number=1), *QUICK, "--at", "+5d")
        said = queue.good("worker", "--drain", timeout=60)
        assert re.fullmatch(r"note: 2 jobs are scheduled for later, the first for"
                            r" \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\n", said.err), said
        said, = events(queue.good("worker", "--drain", "--json", timeout=60).out)
        assert (said["event"], said["waiting"]) == ("scheduled", 2), said
        assert said["first"] == queue.show(1)["not_before"], said
        # One zone for people, another for programs.
        queue.env["TZ"] = "Asia/Tokyo"
        shown = queue.good("show", "1").out
        assert re.search(r"scheduled for \S+ \d\d:\d\d \+0900\n", shown), shown
        assert re.search(r"submitted +\S+ \S+ \+0900\n", shown), shown
        assert queue.show(1)["submitted"].endswith("Z"), queue.show(1)


@case
def many_are_changed_by_their_state():
    with Queue("bulk") as queue:
        videos = [video(f"many-{i}.mp4", number=i) for i in range(4)]
        queue.add(*videos[:3], *QUICK, "--owner", "ann")
        queue.add(videos[3], *QUICK, "--owner", "bob")

        def change(*arguments):
            return [e["id"] for e in events(queue.good(*arguments, "--json").out)]

        assert change("cancel", "--state", "queued", "--owner", "ann") == [1, 2, 3]
        assert change("retry", "--state", "failed,cancelled") == [1, 2, 3]
        assert change("bump", "--state", "queued", "--owner", "ann") == [3, 2, 1]
        ahead = {j["id"]: j["waits"] for j in queue.jobs()}
        assert ahead == {1: "waiting: next", 2: "waiting: 1 job ahead", 3: "waiting: 2 jobs ahead",
                         4: "waiting: 3 jobs ahead"}, ahead
        assert change("cancel", "--state", "running,queued") == [1, 2, 3, 4]
        assert change("rm", "--state", "done") == []
        assert queue.good("retry", "--state", "failed").out == "there are no such jobs\n"
        assert change("rm", "--state", "cancelled", "--owner", "bob") == [4]
        assert [j["id"] for j in queue.jobs()] == [3, 2, 1]
        for pattern, arguments in [
                ("jobs that are done can't be retried", ["retry", "--state", "failed,done"]),
                ("jobs that are running can't be removed", ["rm", "--state", "running"]),
                ("numbers of jobs or --state, not both", ["cancel", "1", "--state", "queued"]),
                ("needs the number of a job", ["bump", "--owner", "ann"])]:
            expect_complaint(queue(*arguments), 2, pattern)
        assert [j["state"] for j in queue.jobs()] == ["cancelled"] * 3


@case
def what_is_over_is_told_by_watch():
    with Queue("over") as queue:
        good, bad = video("many-0.mp4"), os.path.join(queue.home, "bad.mp4")
        with open(bad, "wb") as out:
            out.write(b"this is no video" * 100)
        done, = queue.add(good, *QUICK)
        said = queue.good("add", bad, *QUICK)
        assert re.match(r"note: added all the same: .*bad\.mp4", said.err), said
        failed = int(said.out.split()[0])
        queue.good("worker", "--drain")
        last = max(e["event_id"] for e in events(queue("watch", "--since", "0", "--json").out)
                   if "event_id" in e)
        said = queue("watch", str(failed))
        assert said.code == 1 and re.fullmatch(r"2  failed     bad\.mp4: .*\n", said.out), said
        assert queue.good("watch", str(done)).out == "1  done       many-0.mp4\n"
        said = [e for e in events(queue.good("watch", str(done), "--json").out)
                if e["event"] == "state"]
        assert [(e["what"], e["job"], e["event_id"]) for e in said] == [("done", 1, last)], said
        said = events(queue("watch", str(failed), "--json", "--since", "0").out)
        assert [e["what"] for e in said if e["event"] == "state"].count("failed") == 1, said


@case
def what_is_known_says_how_to_have_it_again():
    with Queue("known") as queue:
        path = video("many-0.mp4")
        queue.add(path, *QUICK, "--owner", "ann")
        again = queue.good("add", path, *QUICK, "--owner", "bob", "--priority", "high")
        assert again.out == (f"1  {path}  known as job 1, queued, owner ann, priority normal;"
                             " --force makes it again\n"), again
        queue.good("worker", "--drain")
        copy = os.path.join(queue.home, "copy.mp4")
        shutil.copy(path, copy)
        again = queue.good("add", "copy.mp4", *QUICK)
        assert again.out == ("1  copy.mp4  known as job 1 (many-0.mp4), done;"
                             " --force makes it again\n"), again
        again, = events(queue.good("add", path, *QUICK, "--json").out)
        assert again["known"] and again["state"] == "done", again
        expect_complaint(queue("retry", "1"), 1, "job 1 is done and .*`kirinuki add --force`")
        expect_complaint(queue("add", copy, "--transcript", "nope.srt"), 1,
                         "cannot read the transcript nope.srt: No such file")
        expect_complaint(queue("add", copy, "--transcript", "."), 1, "cannot read the transcript")
        assert len(queue.jobs()) == 1


main()
