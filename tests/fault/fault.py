"""What the fault tests share: queues on either kind of store, faults that are set off at an exact
call (tests/fakes/break_calls.c), and what has to hold after each of them.

A program of cases runs once for SQLite and once, beside a server, for PostgreSQL.
"""
import concurrent.futures
import json
import os
import sqlite3
import sys
import time

sys.path.insert(0, os.path.join(os.environ.get("KN_SOURCE_ROOT", "."), "tests", "scenario"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
# pylint: disable=wrong-import-position,unused-import
import wire
from queues import (QUICK, RENDER, Queue, is_claimed, is_step, kill, step_times,  # noqa: F401
                    video)
from scenario import (ROOT, Skip, case, cases, expect_complaint, ffmpeg, folder,  # noqa: F401
                      leftovers, main, models_folder, probe, sample, tool)

POSTGRES = bool(wire.HERE)
STORE = "postgres" if POSTGRES else "sqlite"
THOROUGH = bool(os.environ.get("KN_FAULT_ALL"))  # every call, not a sample of them
EVENTS = ["submitted", "claimed", "done", "failed", "retrying", "cancelled", "cancel",
          "released", "promoted", "bumped", "reclaimed", "requeued", "paused", "resumed", "step",
          "removed"]
WAITED_S = 60  # for what has to happen
PROMPT = ["--lease", "5"]  # who begins takes over after a fifth of it


def each_store(function):
    """A case whose name says which store it ran on."""
    if not function:
        return None
    function.__name__ += "_on_" + STORE
    return case(function)


def in_soak(function):
    """Left to `make soak`: what it shows is shown in another way in each check, too."""
    return function if THOROUGH else None


def in_soak_on_postgres(function):
    return function if THOROUGH or not POSTGRES else None


def only_postgres(function):
    return case(function) if POSTGRES and function else None


def only_sqlite(function):
    return None if POSTGRES else case(function)


def make_store(name):
    """Of the kind that this program is for: its database's name, and where it is; None: a file."""
    base = "fault_" + name.replace("-", "_")
    return base, wire.database(base) if POSTGRES else None


def queue_of(name):
    """A queue of the store that this program is for."""
    base, where = make_store(name)
    queue = Queue(name, where)
    queue.database = base
    return queue


def wait_for(true, what, seconds=WAITED_S):
    """Polls; the deadline is the failure, not the measure."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds} s"
        time.sleep(0.03)
    return found


def break_calls(calls, at, how, **more):
    """The environment in which the `at`th of the calls is broken; see tests/fakes/break_calls.c."""
    library = os.path.join(os.environ["KN_BUILD_ROOT"], "tests", "fakes", "libbreak_calls.so")
    if not os.path.exists(library):
        raise Skip("the library that breaks calls was not built")
    env = {"LD_PRELOAD": library, "KN_BREAK_CALLS": calls, "KN_BREAK_AT": str(at),
           "KN_BREAK_HOW": how}
    env.update({"KN_BREAK_" + name.upper(): value for name, value in more.items()})
    return env


# ---- what has to hold ----

def rows(queue, sql):
    if POSTGRES:
        return wire.ask(sql, queue.database)
    with sqlite3.connect(queue.store, timeout=60) as database:
        return [list(row) for row in database.execute(sql)]


def story(queue, job):
    """The kinds of a job's events, in order."""
    told = rows(queue, "SELECT kind, jobs FROM event ORDER BY last_id")
    return [EVENTS[int(kind)] for kind, jobs in told
            if str(job) in jobs.strip("{}").split(",")]


def check_story(told):
    """Every event is one that may follow: nothing ends twice, nothing runs twice at a time."""
    moves = {("", "submitted"): "queued", ("queued", "claimed"): "leased",
             ("queued", "cancelled"): "ended", ("queued", "released"): "queued",
             ("queued", "bumped"): "queued",
             ("leased", "step"): "leased", ("leased", "cancel"): "leased",
             ("leased", "retrying"): "queued", ("leased", "reclaimed"): "queued",
             ("leased", "done"): "ended", ("leased", "failed"): "ended",
             ("leased", "cancelled"): "ended"}
    state = ""
    for event in told:
        assert (state, event) in moves, f"{event} of a job that is {state or 'not there'}: {told}"
        state = moves[state, event]
    return state


def check_ended_once(queue, job, state="done"):
    """Not lost, not ended twice, and the reasons are readable; returns what `show` says."""
    shown, told = queue.show(job), story(queue, job)
    assert shown["state"] == state, (shown, told)
    assert check_story(told) == "ended", told
    assert told.count("claimed") == shown["attempt"], (shown, told)
    interrupted = told.count("reclaimed") + told.count("retrying")
    failed = state in ("failed", "cancelled") and told[-2] != "submitted"
    assert len(shown["reasons"]) == interrupted + failed, (shown, told)
    for reason in shown["reasons"]:
        assert len(reason["text"].split()) >= 3, reason  # a sentence, not a number
    return shown


def check_clips(out, count=None):
    """Nothing is half there: what has a final name is whole, and the result names it."""
    assert not leftovers(out), leftovers(out)
    with open(os.path.join(out, "result.json"), encoding="utf-8") as file:
        result = json.load(file)
    named = sorted(f["path"] for clip in result["clips"] for f in clip["files"])
    assert named == sorted(clips_in(out)), (named, os.listdir(out))
    assert count is None or len(named) == count, named
    for name in named:
        check_playable(os.path.join(out, name))
    return result


def check_playable(path):
    found = probe(path)
    assert found["video"] and found["audio"], path
    assert float(found["format"]["duration"]) > 4, found["format"]


def clips_in(out):
    if not os.path.isdir(out):
        return []
    return [f for f in os.listdir(out) if f.endswith(".mp4") and ".part" not in f]


def prints(out):
    """What tells whether a clip was made anew."""
    return {f: (os.stat(os.path.join(out, f)).st_ino, os.stat(os.path.join(out, f)).st_mtime_ns)
            for f in clips_in(out)}


def silent(queue):
    """Nobody's lease lasts any more: the next worker takes over as soon as it does that."""
    now_us = int(time.time() * 1e6)
    alive = rows(queue, f"SELECT count(*) FROM worker WHERE alive_until_us >= {now_us}")
    return int(alive[0][0]) == 0


def let_leases_end(queue):
    """As though the time of the dead had passed; nobody may be alive."""
    rows(queue, "UPDATE worker SET alive_until_us = 1")


def drain(queue, **how):
    """What a killed worker left is done by another one."""
    let_leases_end(queue)
    return queue.good("worker", "--drain", *PROMPT, **how)


def main_side_by_side(at_once=3):
    """Like main, but most of the time of these cases is waiting, so several run at once; those
    that are `alone` are last in their file, and run when the others are over."""
    chosen = [c for c in cases if not sys.argv[1:] or any(w in c.__name__ for w in sys.argv[1:])]
    pool = concurrent.futures.ThreadPoolExecutor(at_once)

    def begun(function):
        def timed():
            begin = time.monotonic()
            function()
            return time.monotonic() - begin

        future = pool.submit(timed)

        def outcome():
            outcome.took_s = future.result()

        outcome.__name__ = function.__name__
        return outcome

    cases[:] = [c if hasattr(c, "alone") else begun(c) for c in chosen]
    main()


def alone(function):
    if function:
        function.alone = True
    return function


def side_by_side(function, arguments, at_once=4):
    """Where most of the time is waiting, several at once cost little more."""
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(function, arguments))
