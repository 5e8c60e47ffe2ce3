#!/usr/bin/env python3
"""Disks that are full: of the clips, of the cache, of the queue. A full disk is a call that fails
with ENOSPC, in the files below one folder; see tests/fakes/break_calls.c.
"""
import os
import signal

from fault import (QUICK, RENDER, break_calls, case, check_clips, check_ended_once, clips_in,
                   expect_complaint, leftovers, main_side_by_side, queue_of, story, video, wait_for)

SOURCE = video("render.mp4", seconds=40)
SHORT = video("many-0.mp4")


def full_from(queue, under, at=1):
    """The disk is full from the `at`th write on, as long as the file that is returned is there."""
    mark = os.path.join(queue.home, "full")
    with open(mark, "w", encoding="utf-8"):
        pass
    return mark, break_calls("write", at, "full", under=under, **{"while": mark})


def run(queue, arguments, env):
    """A command in this environment: code and outcome as of queue(...)."""
    own, queue.env = queue.env, dict(queue.env, **env)
    try:
        return queue(*arguments)
    finally:
        queue.env = own


@case
def a_disk_that_fills_up_while_a_clip_is_rendered():
    with queue_of("rendering") as queue:
        job, = queue.add(SOURCE, *RENDER)
        out = queue.out("render")
        mark, env = full_from(queue, out + "/02-", 4)
        worker = queue.start("worker", "--drain", "-j", "1", **env)
        wait_for(lambda: "retrying" in story(queue, job), "an attempt that failed")
        why = queue.show(job)["reasons"][0]["text"]
        assert "No space left on device" in why and "02-" in why, why
        assert not leftovers(out), leftovers(out)
        made = clips_in(out)
        assert len(made) == 1, made  # the other clip is whole, and stays
        at = os.stat(os.path.join(out, made[0])).st_mtime_ns
        os.unlink(mark)
        queue.good("bump", str(job))  # it waits for half a minute
        assert worker.wait(timeout=60) == 0
        check_ended_once(queue, job)
        check_clips(out, 2)
        assert os.stat(os.path.join(out, made[0])).st_mtime_ns == at, "made again"


@case
def a_disk_that_stays_full_ends_in_a_reason():
    with queue_of("stays") as queue:
        job, = queue.add(SHORT, *QUICK, "--attempts", "1")
        out = queue.out("many-0")
        said = run(queue, ["worker", "--drain"], full_from(queue, out)[1])
        assert said.code == 0, said
        shown = check_ended_once(queue, job, "failed")
        assert "No space left on device" in shown["reasons"][0]["text"], shown
        assert not clips_in(out) and not leftovers(out), os.listdir(out)


@case
def run_says_that_the_disk_is_full():
    with queue_of("run") as queue:
        out = os.path.join(queue.home, "clips")
        said = run(queue, ["run", SHORT, *QUICK, "-q", "-o", out], full_from(queue, out)[1])
        expect_complaint(said, 1, "No space left on device")
        assert not clips_in(out) and not leftovers(out), os.listdir(out)
        os.unlink(os.path.join(queue.home, "full"))
        queue.good("run", SHORT, *QUICK, "-q", "-o", out)
        check_clips(out, 1)


@case
def a_full_cache_costs_nothing_but_a_copy():
    with queue_of("cache") as queue:
        job, = queue.add(SHORT, *QUICK)
        said = run(queue, ["worker", "--drain"], full_from(queue, queue.home + "/cache")[1])
        assert said.code == 0, said
        assert check_ended_once(queue, job)["attempt"] == 1
        check_clips(queue.out("many-0"), 1)
        assert not leftovers(queue.home + "/cache")


@case
def a_queue_on_a_full_disk_takes_no_job_and_says_so():
    with queue_of("add") as queue:
        queue.good("worker", "--drain")  # makes it
        said = run(queue, ["add", SHORT, *QUICK], full_from(queue, queue.store)[1])
        expect_complaint(said, 1, "disk of the database .* is full|No space left on device")
        assert queue.jobs() == []
        os.unlink(os.path.join(queue.home, "full"))
        assert queue.add(SHORT, *QUICK) == [1]


@case
def a_worker_waits_until_its_queue_has_space_again():
    with queue_of("waits") as queue:
        job, = queue.add(SHORT, *QUICK)
        mark, env = full_from(queue, queue.store)
        os.unlink(mark)
        worker = queue.start("worker", "-j", "1", **env)
        wait_for(lambda: "claimed" in story(queue, job), "the claim")
        with open(mark, "w", encoding="utf-8"):
            pass
        out = queue.out("many-0")
        wait_for(lambda: os.path.exists(out + "/report.html"), "the end of the work")
        assert story(queue, job)[-1] != "done"
        os.unlink(mark)
        wait_for(lambda: story(queue, job)[-1] == "done", "the end of the job")
        worker.send_signal(signal.SIGTERM)
        said = worker.communicate(timeout=60)[1]
        assert "is full" in said, said
        assert [s["name"] for s in queue.show(job)["steps"]] == ["analysis", "clip 1"]
        assert check_ended_once(queue, job)["attempt"] == 1
        check_clips(out, 1)


main_side_by_side()
