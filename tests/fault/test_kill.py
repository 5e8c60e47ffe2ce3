#!/usr/bin/env python3
"""kill -9 at every transition of a job: not when a clock says so, but at the Nth time that the
worker syncs a file, renames one or sends to the server. Whatever is durable became so by one of these, so
the sweep over all N has every state that another worker can find. CI takes a sample of them,
`make soak` all.
"""
import os
import signal

from fault import (POSTGRES, QUICK, THOROUGH, break_calls, check_clips, check_ended_once, drain,
                   each_store, folder, in_soak_on_postgres, main, queue_of, side_by_side, silent,
                   story, video, wait_for)

CALLS = "send,sync,rename" if POSTGRES else "sync,rename"
LONG = video("long.mp4", seconds=120)
WORKER = ["worker", "-j", "1"]


def killed(queue, worker):
    """Did it die of its wound (else it came to its end before)?"""
    said = worker.communicate(timeout=120)
    assert worker.returncode in (0, -signal.SIGKILL), (worker.returncode, said)
    queue.workers.remove(worker)
    return worker.returncode != 0


def tally(name, source, *options):
    """How many calls a worker makes that is left alone."""
    with queue_of(name) as queue:
        queue.add(source, *options)
        path = os.path.join(queue.home, "tally")
        worker = queue.start(*WORKER, "--drain", **break_calls(CALLS, 0, "kill", tally=path))
        assert not killed(queue, worker)
        with open(path, encoding="utf-8") as file:
            return int(file.read())


def sample(total, few):
    """Numbers from 1 to `total`: all, or a few from everywhere. Neighbours differ from run to run
    as threads do, so no number stands for one transition alone."""
    step = 1 if THOROUGH else max(total // few, 1)
    return range(1, total + 1, step)


def kill_at(name, source, options, at, how, state):
    with queue_of(f"{name}-{how}-{at}") as queue:
        job, = queue.add(source, *options)
        hurt = killed(queue, queue.start(*WORKER, "--drain", **break_calls(CALLS, at, how)))
        drain(queue)
        shown = check_ended_once(queue, job, state)
        assert shown["attempt"] <= 2, shown
        for reason in shown["reasons"][:shown["attempt"] - 1]:
            assert reason["text"] == "the worker went away", shown
        if state == "done":
            check_clips(queue.out(os.path.splitext(os.path.basename(source))[0]), 1)
        return hurt


def sweep(name, source, options, few, state="done"):
    total = tally(name + "-tally", source, *options)
    assert total >= 8, total
    usual = "killed" if POSTGRES else "kill"  # what was sent may be done, unanswered
    for how in ("kill", "killed") if THOROUGH else (usual,):
        hurt = side_by_side(lambda at, how=how: kill_at(name, source, options, at, how, state),
                            sample(total, few))
        assert sum(hurt) >= len(hurt) / 2, (total, hurt)


@each_store
def a_kill_anywhere_from_the_claim_to_done():
    sweep("whole", video("many-0.mp4"), QUICK, 4)


@each_store
@in_soak_on_postgres
def a_kill_anywhere_from_the_claim_to_failed():
    bad = os.path.join(folder("bad"), "bad.mp4")
    with open(bad, "wb") as out:
        out.write(b"this is no video" * 100)
    sweep("fails", bad, QUICK, 2, "failed")


@each_store
@in_soak_on_postgres
def a_kill_anywhere_on_the_way_to_a_retry():
    """The disk of the clips is full, so the attempt fails and is to be made again; it has space
    when the second worker comes."""
    source = video("many-0.mp4")

    def one(at):
        with queue_of(f"again-{at}") as queue:
            job, = queue.add(source, *QUICK)
            worker = queue.start(*WORKER, **break_calls(CALLS, at, "kill",
                                                        full=queue.out("many-0")))
            wait_for(lambda: worker.poll() is not None or "retrying" in story(queue, job),
                     "an end of the attempt")
            worker.kill()
            killed(queue, worker)
            queue("bump", str(job))  # where it waits, it waits for half a minute
            drain(queue)
            shown = check_ended_once(queue, job)
            why = shown["reasons"][0]["text"] if shown["reasons"] else "killed before the claim"
            assert shown["attempt"] == (2 if shown["reasons"] else 1), shown
            check_clips(queue.out("many-0"), 1)
            return next(w for w in ("before the claim", "went away", "No space") if w in why)

    with queue_of("again-tally") as queue:
        job, = queue.add(source, *QUICK)
        path = os.path.join(queue.home, "tally")
        worker = queue.start(*WORKER, **break_calls(CALLS, 0, "kill", full=queue.out("many-0"),
                                                    tally=path))
        wait_for(lambda: "retrying" in story(queue, job), "an end of the attempt")
        worker.send_signal(signal.SIGTERM)
        killed(queue, worker)
        with open(path, encoding="utf-8") as file:
            total = int(file.read())
    whys = side_by_side(one, sample(total, 3))
    assert len(set(whys)) > 1, whys


def kill_after(name, at, begin, arguments=()):
    """A worker at a long job dies at the `at`th call after `begin` was done to it."""
    queue = queue_of(f"{name}-{at}")
    job, = queue.add(LONG, *QUICK)
    mark = os.path.join(queue.home, "now")
    worker = queue.start(*WORKER, *arguments, **break_calls(CALLS, at, "kill", **{"while": mark}))
    wait_for(lambda: "claimed" in story(queue, job), "the claim")
    with open(mark, "w", encoding="utf-8"):
        pass
    begin(queue, job, worker)
    return queue, job, killed(queue, worker)


def few(most):
    return range(1, 3 * most) if THOROUGH else range(1, most + 1)


@each_store
@in_soak_on_postgres
def a_kill_while_the_lease_is_renewed():
    def one(at):
        queue, job, hurt = kill_after("renew", at, lambda *_: None, ["--lease", "1"])
        with queue:
            assert hurt
            wait_for(lambda: silent(queue), "the end of the lease")
            drain(queue)
            shown = check_ended_once(queue, job)
            assert [r["text"] for r in shown["reasons"]] == ["the worker went away"], shown
            check_clips(queue.out("long"), 1)

    side_by_side(one, few(2))


@each_store
def a_kill_while_a_cancel_is_obeyed():
    def one(at):
        queue, job, hurt = kill_after(
            "cancel", at, lambda queue, job, _: queue.good("cancel", str(job)), ["--drain"])
        with queue:
            drain(queue)
            shown = check_ended_once(queue, job, "cancelled")
            assert "stopped by request" in shown["reasons"][-1]["text"], shown
            assert story(queue, job).count("claimed") == 1, story(queue, job)
            return hurt

    assert any(side_by_side(one, few(2)))


@each_store
@in_soak_on_postgres
def a_kill_while_a_stopped_worker_hands_back():
    def one(at):
        queue, job, hurt = kill_after(
            "hand-back", at, lambda _queue, _job, worker: worker.send_signal(signal.SIGTERM),
            ["--grace", "0"])
        with queue:
            drain(queue)
            shown = check_ended_once(queue, job)
            assert len(shown["reasons"]) == 1, shown
            assert "went away" in shown["reasons"][0]["text"] \
                or "handed it back" in shown["reasons"][0]["text"], shown
            return hurt

    assert any(side_by_side(one, few(2)))


main()
