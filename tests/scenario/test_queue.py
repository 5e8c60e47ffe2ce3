#!/usr/bin/env python3
"""The queue from outside: real processes, real videos, and processes that are killed."""
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time

from queues import QUICK, RENDER, Queue, is_claimed, is_step, kill, step_times, video
from scenario import AT_ONCE_S, PROGRAM, Skip, case, expect_complaint, folder, leftovers, main, probe


def let_leases_end(queue):
    """As though the time of the dead had passed; nobody may be alive."""
    with contextlib.closing(sqlite3.connect(queue.store, timeout=30)) as database, database:
        database.execute("UPDATE worker SET alive_until_us = 1")


@case
def what_is_added_is_done():
    with Queue("add") as queue:
        videos = [video(f"many-{i}.mp4", number=i) for i in range(4)]
        listed = "\n".join(videos[2:]) + "\n"
        first = queue.add(*videos[:2], *QUICK)
        assert first == [1, 2], first
        done = subprocess.run([os.path.abspath(PROGRAM), "add", "-", *QUICK], env=queue.env,
                              cwd=queue.home, input=listed.encode(), capture_output=True, check=True)
        assert [l.split()[0] for l in done.stdout.decode().splitlines()] == ["3", "4"], done
        again = queue.good("add", *videos, *QUICK)
        assert again.out.count("known as job") == 4, again
        assert [j["state"] for j in queue.jobs()] == ["queued"] * 4
        assert "No worker runs" in queue.good("jobs").out
        assert "ahead" in queue.show(4)["waits"], queue.show(4)

        queue.good("worker", "--drain")
        for job, path in zip(range(1, 5), videos):
            shown = queue.show(job)
            assert shown["state"] == "done" and shown["attempt"] == 1, shown
            assert sorted(step_times(shown)) == ["analysis", "clip 1"], shown
            name = os.path.splitext(os.path.basename(path))[0]
            clips = [f for f in os.listdir(queue.out(name)) if f.endswith(".mp4")]
            assert len(clips) == 1 and probe(os.path.join(queue.out(name), clips[0]))["video"]
        assert queue.good("add", videos[0], *QUICK).out.count("known as job") == 1
        forced = queue.add(videos[0], *QUICK, "--force")
        assert forced[0] > 4, forced


@case
def sources_of_one_name_do_not_share_a_folder():
    with Queue("one-name") as queue:
        into = folder("queue-one-name/made")
        for number in range(3):
            shutil.copy(video(f"many-{number}.mp4", number=number),
                        os.path.join(folder(f"queue-one-name/{number}"), "talk.mp4"))
            queue.add(f"{number}/talk.mp4", *QUICK, "--into", "made")
        workers = [queue.start("worker", "--drain") for _ in range(2)]
        for worker in workers:
            assert worker.wait(120) == 0
        assert [j["state"] for j in queue.jobs()] == ["done"] * 3, queue.jobs()
        assert sorted(os.listdir(into)) == ["talk-2-clips", "talk-clips", "talk-mp4-clips"]
        sources = set()
        for name in os.listdir(into):
            assert "older" not in os.listdir(os.path.join(into, name))
            with open(os.path.join(into, name, "result.json"), encoding="utf-8") as file:
                sources.add(json.load(file)["source"]["hash"])
        assert len(sources) == 3, sources


@case
def a_folder_is_added():
    with Queue("folder") as queue:
        inside = folder("queue-folder/talks")
        for name in ("b.mp4", "a.mkv", "notes.txt", ".hidden.mp4"):
            shutil.copy(video("many-0.mp4"), os.path.join(inside, name))
        said = queue.good("add", inside, *QUICK)
        names = [os.path.basename(l.split()[1]) for l in said.out.splitlines()]
        assert names == ["a.mkv", "b.mp4"], said
        expect_complaint(queue("add", folder("nothing-here")), 1, "no videos in")
        mixed = queue("add", "nowhere.mp4", video("many-1.mp4", number=1), *QUICK)
        expect_complaint(mixed, 3, r"nowhere\.mp4: No such file")


@case
def a_worker_killed_while_it_looks_is_replaced():
    with Queue("kill-analysis") as queue:
        path = video("long.mp4", seconds=120)
        job, = queue.add(path, *QUICK)
        first = queue.start("worker")
        queue.until(job, is_claimed)
        kill(first)
        assert queue.show(job)["state"] == "running"
        let_leases_end(queue)
        queue.good("worker", "--drain")
        shown = queue.show(job)
        assert shown["state"] == "done" and shown["attempt"] == 2, shown
        assert [r["text"] for r in shown["reasons"]] == ["the worker went away"], shown
        assert len(shown["steps"]) == 2, shown


@case
def a_worker_killed_while_it_renders_is_continued():
    with Queue("kill-render") as queue:
        path = video("render.mp4", seconds=40)
        job, = queue.add(path, *RENDER)
        first = queue.start("worker", "-j", "1")
        queue.until(job, is_step("clip 1"))
        kill(first)
        before, out = queue.show(job), queue.out("render")
        made = {f: os.stat(os.path.join(out, f)).st_mtime_ns
                for f in os.listdir(out) if f.endswith(".mp4") and ".part" not in f}
        assert len(made) == 1, made
        for name in made:  # whole, though its maker was killed
            assert probe(os.path.join(out, name))["video"]
        # Another machine has another cache: what it continues from lies in the output folder.
        queue.env["XDG_CACHE_HOME"] = queue.home + "/other-cache"
        let_leases_end(queue)
        queue.good("worker", "--drain")
        after = queue.show(job)
        assert after["state"] == "done" and after["attempt"] == 2, after
        assert sorted(step_times(after)) == ["analysis", "clip 1", "clip 2"], after
        for step, at in step_times(before).items():
            assert step_times(after)[step] == at, f"{step} was done again: {before} {after}"
        for name, at in made.items():
            assert os.stat(os.path.join(out, name)).st_mtime_ns == at, f"{name} was made again"
        with open(os.path.join(out, "result.json"), encoding="utf-8") as file:
            result = json.load(file)
        assert result["timeline_reused"], result
        assert sorted(c["reused"] for c in result["clips"]) == [False, True], result["clips"]
        assert not leftovers(out), leftovers(out)


@case
def sigterm_hands_back():
    with Queue("sigterm") as queue:
        path = video("render.mp4", seconds=40)
        job, = queue.add(path, *RENDER, "--attempts", "1")
        worker = queue.start("worker", "--grace", "0")
        queue.until(job, is_step("analysis"))
        begin = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=120)
        took = time.monotonic() - begin
        assert worker.returncode == 0 and took < AT_ONCE_S, (worker.returncode, took)
        shown = queue.show(job)
        assert shown["state"] == "queued" and "handed it back" in shown["reasons"][0]["text"], shown
        assert not leftovers(queue.out("render"))
        queue.good("worker", "--drain")
        assert queue.show(job)["state"] == "done"


@case
def two_workers_share_ten_jobs():
    with Queue("two") as queue:
        videos = [video(f"ten-{i}.mp4", number=100 + i) for i in range(10)]
        ids = queue.add(*videos, *QUICK)
        workers = [queue.start("worker", "--drain", "--concurrency", "2", "--chunk", "1")
                   for _ in range(2)]
        said = [w.communicate(timeout=120)[0] for w in workers]
        assert all(w.returncode == 0 for w in workers), said
        began = [line.split()[0] for text in said for line in text.splitlines() if "began" in line]
        assert sorted(map(int, began)) == ids, began
        assert all("done" in text for text in said), said
        for job in queue.jobs():
            assert job["state"] == "done" and job["attempt"] == 1, job


@case
def watch_shows_what_another_process_does():
    with Queue("watch") as queue:
        job, = queue.add(video("render.mp4", seconds=40), *RENDER)
        watch = queue.start("watch", str(job), "--json")
        lines = queue.start("watch")
        first = [watch.stdout.readline(), lines.stdout.readline()]  # both are there
        assert json.loads(first[0]) == {"event": "waits", "job": job, "why": "waiting: next"}, first
        assert first[1].split()[:2] == [str(job), "waits"], first
        queue.good("worker", "--drain")
        events = [json.loads(line) for line in watch.communicate(timeout=120)[0].splitlines()]
        assert watch.returncode == 0, events
        whats = [e["what"] for e in events if e["event"] == "state"]
        assert whats == ["claimed", "step", "step", "step", "done"], whats
        ids = [e["event_id"] for e in events if e["event"] == "state"]
        assert ids == sorted(set(ids)), ids
        shown = [e["fraction"] for e in events if e["event"] == "progress"]
        assert len(shown) >= 2 and shown == sorted(shown), shown
        steps = [e for e in events if e["event"] == "step"]
        assert {"analysis", "clips"} <= {e["name"] for e in steps}, steps
        for step in steps:
            assert 0 <= step["fraction"] <= 1 and step["weight"] > 0 and step["job"] == job, step
        said = lines.communicate(timeout=120)[0]
        assert "claimed" in said and "done" in said, said
        assert "nothing waits or runs" in queue.good("watch").out
        # After the fact: from the beginning, and from what was seen last.
        past = [json.loads(line) for line in
                queue.good("watch", "--since", "0", "--json").out.splitlines()]
        assert [e["what"] for e in past if e["event"] == "state"] == ["submitted"] + whats, past
        rest = queue.good("watch", str(job), "--since", str(ids[-2]), "--json").out.splitlines()
        assert [json.loads(line)["event_id"] for line in rest] == ids[-1:], rest


@case
def jobs_wait_for_memory_and_say_so():
    with Queue("memory") as queue:
        first, = queue.add(video("render.mp4", seconds=40), *RENDER)
        small = [queue.add(video(f"many-{i}.mp4", number=i), *RENDER)[0] for i in range(2)]
        assert queue.show(first)["memory_bytes"] > queue.show(small[0])["memory_bytes"] > 100 << 20
        copied, = queue.add(video("many-3.mp4", number=3), *QUICK)
        assert queue.show(copied)["memory_bytes"] < 50 << 20
        # Room for one of them, beside what a process takes by itself.
        worker = queue.start("worker", "--drain", "--json", "--memory", "450M")
        said = queue.until(small[0], lambda e: e["event"] == "waits" and "memory" in e["why"])
        assert "of 0.439 GB in use" in said["why"], said
        out, errors = worker.communicate(timeout=120)
        assert worker.returncode == 0, errors
        whats = [json.loads(line)["what"] for line in out.splitlines()]
        assert whats[:5] == ["began", "done"] * 2 + ["began"], whats  # the last is a small one
        assert {j["state"] for j in queue.jobs()} == {"done"}


@case
def a_cancel_stops_at_once():
    with Queue("cancel") as queue:
        running, waiting = queue.add(video("render.mp4", seconds=40),
                                     video("many-0.mp4"), *RENDER)
        worker = queue.start("worker", "--concurrency", "1", "--chunk", "1")
        queue.until(running, is_step("analysis"))
        assert "cancelled" in queue.good("cancel", str(waiting)).out
        watch = queue.start("watch", str(running), "--json")
        watch.stdout.readline()  # it runs: progress is told
        begin = time.monotonic()
        assert "stopping" in queue.good("cancel", str(running)).out
        watch.communicate(timeout=120)
        took = time.monotonic() - begin
        assert took < AT_ONCE_S, took
        assert watch.returncode == 1
        assert not leftovers(queue.out("render"))
        assert [j["state"] for j in queue.jobs()] == ["cancelled", "cancelled"]
        assert worker.poll() is None
        queue.good("retry", str(waiting))
        queue.good("watch", str(waiting), timeout=60)
        assert queue.show(waiting)["state"] == "done"
        expect_complaint(queue("cancel", str(waiting)), 1, r"job \d+ is done and can't be cancelled")
        assert "removed" in queue.good("rm", str(waiting), str(running)).out
        assert queue.jobs() == []


@case
def pause_bump_and_priority_order_the_work():
    with Queue("order") as queue:
        queue.good("worker", "--drain")  # makes the queue
        queue.good("pause")
        videos = [video(f"many-{i}.mp4", number=i) for i in range(4)]
        low, = queue.add(videos[0], *QUICK, "--priority", "low")
        normal, = queue.add(videos[1], *QUICK)
        high, = queue.add(videos[2], *QUICK, "--priority", "high")
        later, = queue.add(videos[3], *QUICK, "--at", "+5d")
        assert "paused" in queue.show(low)["waits"]
        assert "scheduled" in queue.show(later)["waits"] or "paused" in queue.show(later)["waits"]
        said = queue.good("worker", "--drain", timeout=60)  # ends: nothing may begin
        assert said.err == ("note: the queue is paused and 3 jobs wait: `kirinuki resume` lets"
                            " them begin\n") and not said.out, said
        said = json.loads(queue.good("worker", "--drain", "--json", timeout=60).out)
        assert said == {"event": "paused", "waiting": 3}, said
        assert [j["state"] for j in queue.jobs()] == ["queued"] * 4
        queue.good("bump", str(low))
        queue.good("resume")
        said = queue.good("worker", "--drain", "--concurrency", "1").out
        began = [int(l.split()[0]) for l in said.splitlines() if "began" in l]
        assert began == [low, high, normal] and "paused" not in said, said
        assert queue.show(later)["state"] == "queued"
        expect_complaint(queue("add", videos[3], "--force", "--priority", "3"), 1, "priority 3")
        above, = queue.add(videos[3], *QUICK, "--force", "--priority", "3", "--priority-levels",
                           "5", "--at", "+5d")
        assert queue.show(above)["priority"] == "3", queue.show(above)
        queue.good("cancel", str(above))
        queue.good("bump", str(later))
        queue.good("worker", "--drain")
        assert queue.show(later)["state"] == "done"


@case
def a_failure_says_why_and_is_not_tried_again():
    with Queue("fails") as queue:
        bad = os.path.join(queue.home, "bad.mp4")
        with open(bad, "wb") as out:
            out.write(b"this is no video" * 100)
        job, = queue.add(bad, *QUICK)
        said = queue.good("worker", "--drain").out
        assert "failed" in said, said
        shown = queue.show(job)
        assert shown["state"] == "failed" and shown["attempt"] == 1, shown
        assert "bad.mp4" in shown["reasons"][0]["text"], shown
        assert queue("watch", str(job)).code == 1
        assert [j["id"] for j in queue.jobs("--state", "failed")] == [job]
        assert queue.jobs("--state", "done,running") == []


@case
def videos_put_into_a_folder_are_added():
    with Queue("folder-watch") as queue:
        inside = folder("queue-folder-watch/in")
        shutil.copy(video("many-0.mp4"), os.path.join(inside, "there.mp4"))
        worker = queue.start("worker", "--watch", inside, *["--json"])
        events = (json.loads(line) for line in worker.stdout)
        assert any(e["what"] == "done" and e["name"] == "there.mp4" for e in events)
        with open(video("many-1.mp4", number=1), "rb") as whole, \
                open(os.path.join(inside, "coming.mp4"), "wb") as slow:
            data = whole.read()
            slow.write(data[:len(data) // 2])
            slow.flush()
            os.fsync(slow.fileno())
            assert [j for j in queue.jobs() if "coming" in j["source"]] == []
            slow.write(data[len(data) // 2:])
        assert any(e["what"] == "done" and e["name"] == "coming.mp4" for e in events)
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=60)
        again = queue.start("worker", "--watch", inside, "--json")
        shutil.copy(video("many-2.mp4", number=2), os.path.join(inside, "third.mp4"))
        first = json.loads(again.stdout.readline())
        assert first["name"] == "third.mp4", first  # the others are known
        assert len(queue.jobs()) == 3


@case
def run_is_seen_in_the_queue_and_taken_by_nobody():
    with Queue("run") as queue:
        worker = queue.start("worker", "--json")
        outcome = queue.good("run", video("many-0.mp4"), video("many-1.mp4", number=1), *QUICK)
        assert len(outcome.out.splitlines()) == 2, outcome
        assert {j["state"] for j in queue.jobs()} == {"done"}
        worker.send_signal(signal.SIGTERM)
        assert worker.communicate(timeout=60)[0] == ""


@case
def run_works_without_a_queue():
    with Queue("no-queue") as queue:
        queue.env["KIRINUKI_STORE"] = "/proc/nowhere/queue.db"
        outcome = queue.good("run", video("many-0.mp4"), *QUICK, "-q")
        assert outcome.err.startswith("note: ") and "queue of its own" in outcome.err, outcome
        assert len(outcome.out.splitlines()) == 1, outcome


@case
def who_has_no_home_is_told():
    """A user that the system's list does not have; only root can become one."""
    if os.getuid() != 0:
        raise Skip("needs root")
    done = subprocess.run([os.path.abspath(PROGRAM), "jobs"], env={"PATH": os.environ["PATH"]},
                          cwd="/", user=54321, group=54321, extra_groups=[], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if "ermission denied" in done.stderr:
        raise Skip("the program lies where others can't read")
    assert done.returncode == 1 and "no home folder for the queue" in done.stderr, done


@case
def bad_input_gets_one_sentence():
    with Queue("bad") as queue:
        path = video("many-0.mp4")
        corrupt, newer = queue.home + "/corrupt.db", queue.home + "/newer.db"
        with open(corrupt, "wb") as out:
            out.write(b"this is no database " * 500)
        queue.good("worker", "--drain", "--store", newer)
        queue.good("worker", "--drain")
        with sqlite3.connect(newer) as database:
            table, = [t for t, in database.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table'") if "schema" in t
                or "migration" in t]
            column = database.execute(f"SELECT * FROM {table}").description[0][0]
            database.execute(f"UPDATE {table} SET {column} = 999 WHERE {column} ="
                             f" (SELECT max({column}) FROM {table})")
        for code, pattern, arguments in [
                (2, "needs the number", ["cancel"]),
                (2, "is not the number of a job", ["show", "x"]),
                (2, "is not the number of a job", ["retry", "0"]),
                (1, "there is no job 99", ["show", "99"]),
                (1, "there is no job 99", ["cancel", "99"]),
                (1, "there is no job 99", ["watch", "99"]),
                (2, "add needs a video", ["add"]),
                (2, "--priority takes low, normal or high", ["add", path, "--priority", "top"]),
                (2, "--at takes a time", ["add", path, "--at", "tomorrow"]),
                (2, "is long over", ["add", path, "--at", "2020-01-31 14:30"]),
                (2, "--output belongs to one video", ["add", path, path, "-o", "x"]),
                (2, "--concurrency takes", ["worker", "--concurrency", "0"]),
                (2, "--chunk takes", ["worker", "--chunk", "-1"]),
                (2, "--memory takes", ["worker", "--memory", "much"]),
                (2, "--since takes", ["watch", "--since", "last"]),
                (2, "--lease takes", ["worker", "--lease", "0"]),
                (2, "--state takes", ["jobs", "--state", "lost"]),
                (2, "pause takes no arguments", ["pause", "1"]),
                (1, "not an SQLite database", ["jobs", "--store", corrupt]),
                (1, "newer", ["jobs", "--store", newer]),
                (1, "cannot", ["worker", "--drain", "--store", "/proc/nowhere/q.db"]),
                (1, "there is no queue at nowhere.db.*`kirinuki add`", ["jobs", "--store",
                                                                       "nowhere.db"]),
                (1, "there is no queue at", ["pause", "--store", "nowhere.db"]),
                (1, "mysql:// is no database.*postgres://", ["add", path, "--store",
                                                           "mysql://a:secret@x/y"]),
                (1, "given as postgres://.*not as a list", ["worker", "--drain", "--store",
                                                           "host=127.0.0.1 password=secret"]),
                (1, "Connection refused", ["jobs", "--store", "Postgres://a:secret@127.0.0.1:1/x"]),
                (1, "does not know: foo$", ["jobs", "--store",
                                            "postgres://a:secret@127.0.0.1:1/x?foo=1"]),
                (2, "--owner takes", ["add", path, "--owner", "a\x1b]0;b\a"]),
                (1, "Connection refused", ["jobs", "--store", "postgres://a:secret@127.0.0.1:1/x"]),
                (1, "cannot watch", ["worker", "--watch", "/nowhere", "--drain"])]:
            outcome = queue(*arguments)
            expect_complaint(outcome, code, pattern)
            assert "secret" not in outcome.err, outcome
        assert queue.jobs() == []
        made = [n for n in os.listdir(queue.home) if not n.startswith(("queue.db", "newer.db"))]
        assert sorted(made) == ["corrupt.db"], made


@case
def another_programs_file_is_left_alone():
    with Queue("others") as queue:
        with sqlite3.connect(queue.store) as database:
            database.execute("CREATE TABLE photos (name TEXT)")
        expect_complaint(queue("add", video("many-0.mp4")), 1, "belongs to another program")
        with sqlite3.connect(queue.store) as database:
            assert len(database.execute("SELECT * FROM sqlite_master").fetchall()) == 1


@case
def who_only_looks_makes_no_queue():
    with Queue("looks") as queue:
        data = os.path.join(queue.home, "data")
        del queue.env["KIRINUKI_STORE"]
        queue.env["XDG_DATA_HOME"] = data
        assert queue.jobs() == [] and "nothing waits" in queue.good("watch").out
        expect_complaint(queue("show", "12"), 1, "there is no job 12")
        queue.good("resume")
        assert not os.path.exists(data), os.listdir(data)
        queue.good("pause")
        assert "paused" in queue.good("jobs").out


@case
def a_folder_that_forbids_it_is_said():
    """Only root can become somebody whom a folder keeps out."""
    if os.getuid() != 0:
        raise Skip("needs root")
    closed = folder("queue-closed")
    os.chmod(closed, 0o755)
    done = subprocess.run([os.path.abspath(PROGRAM), "worker", "--drain", "--store",
                           closed + "/q.db"], env={"PATH": os.environ["PATH"]}, cwd="/",
                          user=54321, group=54321, extra_groups=[], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode == 126 or "q.db" not in done.stderr:
        raise Skip("the program lies where others can't read")
    assert done.returncode == 1 and "Permission denied" in done.stderr, done


@case
def nothing_from_others_commands_the_terminal():
    with Queue("terminal") as queue:
        name = "a\x1b[31m\u202egpm.mp4"
        path = os.path.join(queue.home, name)
        shutil.copy(video("many-0.mp4"), path)
        job, = queue.add(path, *QUICK)
        assert queue.show(job)["source"] == path
        texts = [queue.good("add", path, *QUICK), queue.good("jobs"), queue.good("show", str(job)),
                 queue("show", name), queue("add", "nowhere/" + name), queue(name), queue("run"),
                 queue("jobs", "--store", name + ".db"), queue("jobs", "--limit", name)]
        texts.append(queue.good("worker", "--drain"))
        for text in texts:
            said = text.out + text.err
            assert not set(said) & set("\x1b\a\u202e"), repr(said)
            assert "gpm" in said or "needs a video" in said, repr(said)


@case
def a_list_may_be_parted_by_nul():
    with Queue("nul") as queue:
        paths = [os.path.join(queue.home, f"a\n{i}.mp4") for i in range(2)]
        for i, path in enumerate(paths):
            shutil.copy(video(f"many-{i}.mp4", number=i), path)
        for end in ("\0", ""):
            done = subprocess.run([os.path.abspath(PROGRAM), "add", "-", "--json", *QUICK],
                                  env=queue.env, cwd=queue.home, capture_output=True, check=True,
                                  input=("\0".join(paths) + end).encode())
            added = [json.loads(line)["source"] for line in done.stdout.splitlines()]
            assert added == paths, done


@case
def what_failed_or_was_cancelled_does_not_come_back_by_itself():
    with Queue("watch-again") as queue:
        inside = folder("queue-watch-again/in")
        shutil.copy(video("many-0.mp4"), os.path.join(inside, "later.mp4"))
        with open(os.path.join(inside, "bad.mp4"), "wb") as out:
            out.write(b"this is no video" * 100)
        queue.good("worker", "--drain")
        queue.good("pause")
        for round_ in range(2):
            worker = queue.start("worker", "--watch", inside, "--json")
            if round_ == 0:
                while len(queue.jobs()) < 2:
                    assert worker.poll() is None
                by_name = {os.path.basename(j["source"]): j["id"] for j in queue.jobs()}
                queue.good("cancel", str(by_name["later.mp4"]))
                queue.good("resume")
                assert queue("watch", str(by_name["bad.mp4"])).code == 1
            else:
                shutil.copy(video("many-1.mp4", number=1), os.path.join(inside, "new.mp4"))
                first = json.loads(worker.stdout.readline())
                assert first["name"] == "new.mp4", first
            worker.send_signal(signal.SIGTERM)
            worker.communicate(timeout=60)
        states = [j["state"] for j in queue.jobs()]
        assert len(states) == 3 and {"cancelled", "failed"} < set(states), states


main()
