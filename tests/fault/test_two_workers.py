#!/usr/bin/env python3
"""Two workers with one job: the first is stopped for longer than its lease, the second takes over,
and then the first goes on as if nothing had happened.
"""
import contextlib
import glob
import json
import os
import signal
import sqlite3
import time

import wire
from fault import (POSTGRES, QUICK, RENDER, WAITED_S, check_clips, check_ended_once, each_store,
                   in_soak_on_postgres, let_leases_end, main_side_by_side, only_postgres, prints,
                   queue_of, silent, story, video, wait_for)


def stopped(pid):
    """Are all its threads? A signal is only on its way when it is sent."""
    for stat in glob.glob(f"/proc/{pid}/task/*/stat"):
        with open(stat, encoding="utf-8") as file:
            if file.read().rsplit(")", 1)[1].split()[0] != "T":
                return False
    return True


def freeze(worker):
    worker.send_signal(signal.SIGSTOP)
    wait_for(lambda: stopped(worker.pid), "a stop")


def unlocked(queue):
    """A process that is stopped in the middle of a transaction of SQLite's keeps it from all
    others: nobody can take that lock away."""
    if POSTGRES:
        return True
    try:
        with contextlib.closing(sqlite3.connect(queue.store, timeout=0)) as database:
            database.execute("BEGIN IMMEDIATE")
            return True
    except sqlite3.OperationalError:
        return False


def stop_at(queue, job, *events):
    """The first worker, stopped once these have happened to the job, its lease over."""
    first = queue.start("worker", "--lease", "2", "-j", "1", "--json")
    wanted = ["submitted", *events]
    wait_for(lambda: story(queue, job) == wanted, events[-1])
    freeze(first)
    deadline = time.monotonic() + WAITED_S
    while not unlocked(queue):
        assert time.monotonic() < deadline, "each stop was in a transaction"
        first.send_signal(signal.SIGCONT)
        time.sleep(0.01)
        freeze(first)
    wait_for(lambda: silent(queue), "the end of the lease")
    assert story(queue, job) == wanted, story(queue, job)
    return first


def told(worker):
    """What it said until it was stopped."""
    worker.send_signal(signal.SIGTERM)
    said = worker.communicate(timeout=60)
    assert worker.returncode == 0, said
    return [json.loads(line)["what"] for line in said[0].splitlines()]


def files(out):
    return {os.path.join(d, f): os.stat(os.path.join(d, f)).st_mtime_ns
            for d, _, names in os.walk(out) for f in names}


@each_store
@in_soak_on_postgres
def one_that_slept_while_it_looked_finds_the_job_done():
    with queue_of("slept-looking") as queue:
        job, = queue.add(video("long.mp4", seconds=120), *QUICK, "--attempts", "2")
        first = stop_at(queue, job, "claimed")
        queue.good("worker", "--drain")
        before = files(queue.out("long"))
        first.send_signal(signal.SIGCONT)
        assert told(first) == ["began", "lost"]
        assert files(queue.out("long")) == before  # it wrote nothing, and took nothing away
        shown = check_ended_once(queue, job)
        assert [r["text"] for r in shown["reasons"]] == ["the worker went away"], shown
        check_clips(queue.out("long"), 1)


@each_store
@in_soak_on_postgres
def one_that_sleeps_while_it_renders_keeps_its_folder_and_is_waited_for():
    """It may write there at any moment, so the second does not: it tries again until it may, and
    that costs no attempt."""
    with queue_of("slept-rendering") as queue:
        job, = queue.add(video("render.mp4", seconds=40), *RENDER, "--attempts", "2")
        first = stop_at(queue, job, "claimed", "step", "step")
        made = prints(queue.out("render"))
        assert len(made) == 1, made
        second = queue.start("worker", "--json", "-j", "1")
        wait_for(lambda: story(queue, job).count("retrying") >= 2, "two tries")
        assert prints(queue.out("render")) == made, os.listdir(queue.out("render"))
        reasons = queue.show(job)["reasons"]
        assert "another kirinuki is working in" in reasons[1]["text"], reasons
        first.send_signal(signal.SIGCONT)
        wait_for(lambda: story(queue, job)[-1] == "done", "the end")
        assert prints(queue.out("render")).items() > made.items()  # the first clip is the first's
        whats = told(first)  # it joined again, and may have been the one that went on
        assert whats[:2] == ["began", "lost"], whats
        assert (whats + told(second)).count("done") == 1, whats
        shown = check_ended_once(queue, job)
        assert shown["attempt"] >= 4, shown
        result = check_clips(queue.out("render"), 2)
        assert sorted(clip["reused"] for clip in result["clips"]) == [False, True], result["clips"]


@only_postgres
def one_that_sleeps_in_a_transaction_does_not_hold_up_the_others():
    """It has the row that every transaction with an event needs."""
    with wire.Proxy() as proxy, queue_of("slept-inside") as queue:
        job, = queue.add(video("many-0.mp4"), *QUICK)
        asleep = []

        def sleep():
            first.send_signal(signal.SIGSTOP)
            asleep.append(True)

        proxy.meet("NULLIF(detail, '')", sleep)  # the last but its COMMIT
        first = queue.start("worker", "--json", KIRINUKI_STORE=proxy.where(queue.database))
        wait_for(lambda: asleep, "the middle of a transaction")
        let_leases_end(queue)
        second = queue.start("worker", "--json")
        # The server ends its transaction; its folder, it keeps for as long as it lives.
        wait_for(lambda: "retrying" in story(queue, job), "a claim by the second")
        first.send_signal(signal.SIGCONT)
        wait_for(lambda: story(queue, job)[-1] == "done", "the end")
        assert (told(first) + told(second)).count("done") == 1
        check_ended_once(queue, job)
        check_clips(queue.out("many-0"), 1)


video("long.mp4", seconds=120)
main_side_by_side()
