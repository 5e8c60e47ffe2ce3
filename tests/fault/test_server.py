#!/usr/bin/env python3
"""The server goes away while the queue is at work: connections are cut, the server is restarted,
and answers to commits are lost, so that nobody can know by them what happened.
"""
import json
import os
import signal
import threading
import time

import wire
from fault import (QUICK, RENDER, WAITED_S, alone, check_clips, check_ended_once, expect_complaint,
                   in_soak, main_side_by_side, only_postgres, queue_of, rows, story, video,
                   wait_for)

LONG = video("long.mp4", seconds=120)
SHORT = video("many-0.mp4")
SLOW = video("render.mp4", seconds=40)


def stop(worker):
    worker.send_signal(signal.SIGTERM)
    said = worker.communicate(timeout=60)
    assert worker.returncode == 0, said
    return said


# ---- connections that are cut ----

@only_postgres
def connections_are_cut_again_and_again():
    with queue_of("cut") as queue:
        jobs = queue.add(LONG, SHORT, *QUICK)
        worker = queue.start("worker", "--drain", "-j", "1", "--lease", "5")
        wait_for(lambda: "claimed" in story(queue, jobs[0]), "the claim")
        over, cuts = threading.Event(), [0]

        def cut():
            while not over.wait(0.1):
                cuts[0] += wire.cut_all(queue.database)

        cutter = threading.Thread(target=cut)
        cutter.start()
        said = worker.communicate(timeout=120)
        over.set()
        cutter.join()
        assert worker.returncode == 0 and cuts[0] > 3, (worker.returncode, cuts, said)
        for job in jobs:
            shown = check_ended_once(queue, job)
            assert shown["attempt"] == 1, shown  # work went on
        check_clips(queue.out("long"), 1)


# ---- answers that are lost ----

def through_proxy(name, proxy):
    """A queue whose programs reach the server by the proxy."""
    queue = queue_of(name)
    queue.env["KIRINUKI_STORE"] = proxy.where(queue.database)
    return queue


def at_once(_, lose_it):
    lose_it()


def after_the_last_step(proxy, lose_it):
    """Of the two that a job has here; then its finish is next."""
    proxy.meet("INSERT INTO step", lambda: proxy.meet("INSERT INTO step", lose_it))


def lose(name, text, done, when=at_once, source=SHORT, lease="20", late_s=0):
    """A worker does a job, and from `when` on the next transaction with `text` gets no answer."""
    with wire.Proxy() as proxy, through_proxy(name, proxy) as queue:
        job, = queue.add(source, *QUICK)
        when(proxy, lambda: proxy.lose(text, done, late_s=late_s))
        worker = queue.start("worker", "--json", "-j", "1", "--lease", lease)
        wait_for(lambda: rows(queue, "SELECT state FROM job")[0][0] not in ("0", "1"), "an end")
        wait_for(lambda: proxy.lost, "the loss of an answer")
        events = stop(worker)[0].splitlines()
        shown = check_ended_once(queue, job)
        assert shown["attempt"] == 1 and not shown["reasons"], (shown, events)
        assert sorted(s["name"] for s in shown["steps"]) == ["analysis", "clip 1"], shown
        whats = [json.loads(event)["what"] for event in events]
        assert whats == ["began", "done"], whats  # begun once, and told how it ended
        told = story(queue, job)
        assert told == ["submitted", "claimed", "step", "step", "done"], told


TURN = "picked AS"  # both finishes and claims


@only_postgres
@in_soak
def an_unanswered_claim_is_adopted():
    lose("claim-done", TURN, True)


@only_postgres
def a_claim_whose_commit_comes_late_is_adopted():
    lose("claim-late", TURN, True, late_s=1.5)


@only_postgres
@in_soak
def a_claim_that_was_not_committed_is_made_again():
    lose("claim-undone", TURN, False)


@only_postgres
def an_unanswered_finish_is_told_as_what_it_was():
    lose("finish-done", TURN, True, after_the_last_step)


@only_postgres
def a_finish_that_was_not_committed_is_made_again_but_not_the_job():
    lose("finish-undone", TURN, False, after_the_last_step)


@only_postgres
def an_unanswered_step_is_recorded_once():
    lose("step-done", "INSERT INTO step", True)


@only_postgres
@in_soak
def a_step_that_was_not_committed_is_recorded_again():
    lose("step-undone", "INSERT INTO step", False)


@only_postgres
def an_unanswered_renewal_is_no_lost_lease():
    lose("renew-done", "UPDATE worker SET alive_until_us", True, at_once, LONG, "2")


def add_without_answer(name, done, *options, late_s=0):
    with wire.Proxy() as proxy, through_proxy(name, proxy) as queue:
        first, = queue.add(SHORT, *QUICK) if "--force" in options else (0,)
        proxy.lose("nextval('job_id')", done, late_s=late_s)
        said = queue.good("add", SHORT, LONG, *QUICK, *options)
        wait_for(lambda: proxy.lost, "the loss of an answer")
        assert "known as" not in said.out, said
        ids = [int(line.split()[0]) for line in said.out.splitlines()]
        jobs = {job["id"]: os.path.basename(job["source"]) for job in queue.jobs()}
        jobs.pop(first, None)
        assert jobs == dict(zip(ids, ["many-0.mp4", "long.mp4"])), (jobs, said)
        assert [story(queue, job) for job in ids] == [["submitted"]] * 2


@only_postgres
def an_unanswered_submission_is_found():
    add_without_answer("add-done", True)


@only_postgres
@in_soak
def a_submission_that_was_not_committed_is_made_again():
    add_without_answer("add-undone", False)


@only_postgres
def an_unanswered_forced_submission_is_not_made_twice():
    add_without_answer("force-done", True, "--force")
    add_without_answer("force-undone", False, "--force")


@only_postgres
def a_forced_submission_whose_commit_comes_late_is_not_made_twice():
    add_without_answer("force-late", True, "--force", late_s=1.5)


# ---- a server that hangs ----

@only_postgres
def a_table_locked_for_longer_than_the_lease_costs_nothing():
    with queue_of("locked") as queue:
        jobs = [*queue.add(LONG, *QUICK, "--attempts", "1"),
                *queue.add(SLOW, *QUICK, "--attempts", "1")]
        crew = [queue.start("worker", "-j", "1", "--concurrency", "1", "--lease", "1")
                for _ in jobs]
        wait_for(lambda: all("claimed" in story(queue, job) for job in jobs), "the claims")
        rows(queue, "BEGIN; LOCK TABLE worker; SELECT pg_sleep(2.5); COMMIT")
        wait_for(lambda: all(story(queue, job)[-1] == "done" for job in jobs), "the end")
        for job in jobs:
            shown = check_ended_once(queue, job)
            assert (shown["attempt"], shown["reasons"]) == (1, []), shown
        for worker in crew:
            stop(worker)


@only_postgres
def a_queue_that_hangs_holds_nobody():
    with wire.Proxy() as proxy, queue_of("hangs") as queue:
        job, = queue.add(SLOW, *RENDER)
        where = proxy.where(queue.database)
        worker = queue.start("worker", "-j", "1", "--lease", "30", "--grace", "0",
                             KIRINUKI_STORE=where)
        wait_for(lambda: "claimed" in story(queue, job), "the claim")
        watch = queue.start("watch", "--json", KIRINUKI_STORE=where)
        assert watch.stdout.readline()
        go, hangs = threading.Event(), threading.Event()
        proxy.meet("FROM event WHERE last_id", lambda: hangs.set() or go.wait(WAITED_S))
        wait_for(hangs.is_set, "a question")
        for program, code, says in (watch, 130, ""), (worker, 1, "when the lease ends"):
            program.send_signal(signal.SIGTERM)
            said = program.communicate(timeout=60)
            assert program.returncode == code and says in said[1], (program.returncode, said)
        go.set()


# ---- the server itself ----

def restart_while_it_works(mode):
    with queue_of("restart-" + mode) as queue:
        job, = queue.add(LONG, *QUICK)
        worker = queue.start("worker", "--drain", "-j", "1", "--lease", "30")
        wait_for(lambda: "claimed" in story(queue, job), "the claim")
        wire.control("stop", mode)
        refused = queue("jobs")
        wire.control("start")
        said = worker.communicate(timeout=120)
        assert worker.returncode == 0, said
        shown = check_ended_once(queue, job)
        assert shown["attempt"] == 1, shown  # it had its lease all the time
        check_clips(queue.out("long"), 1)
        expect_complaint(refused, 1, "cannot connect|No such file")


@only_postgres
@alone
@in_soak
def a_fast_restart_is_waited_out():
    restart_while_it_works("fast")


@only_postgres
@alone
@in_soak
def an_immediate_restart_is_waited_out():
    restart_while_it_works("immediate")


def past_all_leases(queue):
    """Waits until each lease that the store knew of is over, and a little longer."""
    last, = rows(queue, "SELECT max(alive_until_us) FROM worker")[0]
    return lambda: time.time() * 1e6 > int(last) + 700000


def alive(queue):
    now_us = int(time.time() * 1e6)
    return int(rows(queue, f"SELECT count(*) FROM worker WHERE alive_until_us >= {now_us}")[0][0])


@only_postgres
@alone
def a_server_away_for_longer_than_the_lease_costs_nothing():
    """Two are cut off. Whichever comes back first takes nothing from the other, nor from itself."""
    with queue_of("away") as queue:
        jobs = [*queue.add(LONG, *QUICK, "--attempts", "1"),
                *queue.add(SLOW, *QUICK, "--attempts", "1")]
        crew = [queue.start("worker", "-j", "1", "--concurrency", "1", "--lease", "0.5", "--json")
                for _ in jobs]
        wait_for(lambda: all("claimed" in story(queue, job) for job in jobs), "the claims")
        watch = queue.start("watch", str(jobs[0]), "--json", "--since", "0")
        watch.stdout.readline()
        over = past_all_leases(queue)
        wire.control("stop", "fast")
        assert watch.stderr.readline().startswith("note: waiting for the database: ")
        wait_for(over, "the end of the leases")
        wire.control("start")
        wait_for(lambda: all(story(queue, job)[-1] == "done" for job in jobs), "the end")
        for job in jobs:
            shown = check_ended_once(queue, job)
            assert (shown["attempt"], shown["reasons"]) == (1, []), shown
        # Who watched misses nothing, and is told once.
        events, notes = watch.stdout.read(), watch.stderr.read()
        watch.wait(timeout=60)
        assert watch.returncode == 0 and not notes, (watch.returncode, notes)
        seen = [e["what"] for e in map(json.loads, events.splitlines()) if e["event"] == "state"]
        assert seen == story(queue, jobs[0])[1:], (seen, story(queue, jobs[0]))
        wait_for(lambda: alive(queue) == len(crew), "a renewal by each")
        for worker in crew:
            worker.send_signal(signal.SIGTERM)
            said, warned = worker.communicate(timeout=60)
            assert [json.loads(line)["what"] for line in said.splitlines()] == ["began", "done"]
            # Once that it is away, once that it is back; a pool's broken connections are one more.
            assert warned.count("warning") <= 4 and "answers again" in warned, warned


@only_postgres
@alone
def a_claim_is_adopted_once_the_server_is_back():
    """Its answer is lost because the server goes away at that moment, for a while."""
    with wire.Proxy() as proxy, through_proxy("claim-away", proxy) as queue:
        job, = queue.add(SHORT, *QUICK)
        proxy.lose(TURN, True, then=lambda: wire.control("stop", "immediate"))
        worker = queue.start("worker", "--json", "--lease", "30")
        wait_for(lambda: proxy.lost, "the loss of an answer")
        wire.control("start")
        told = (json.loads(line) for line in worker.stdout)
        assert any(event["what"] == "done" for event in told)
        stop(worker)
        assert check_ended_once(queue, job)["attempt"] == 1


main_side_by_side()
