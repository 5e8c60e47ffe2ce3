#!/usr/bin/env python3
"""Stores that can't be used: one clear sentence and the right exit code, whatever is wrong; and no
password in it. What else is bad input of the queue's commands stands in test_queue.py.
"""
import contextlib
import os
import re
import shutil
import signal
import socket
import sqlite3
import threading

import wire
from fault import (POSTGRES, QUICK, RENDER, case, drain, each_store, expect_complaint, kill,
                   let_leases_end, main, only_postgres, queue_of, rows, story, video, wait_for)


@each_store
def numbers_out_of_range_are_refused():
    with queue_of("numbers") as queue:
        path = video("many-0.mp4")
        job, = queue.add(path, *QUICK)
        for code, pattern, arguments in [
                (2, "--limit takes", ["jobs", "-n", "0"]),
                (2, "--limit takes", ["jobs", "-n", "-1"]),
                (2, "--attempts takes", ["add", path, "--attempts", "0"]),
                (2, "--attempts takes", ["add", path, "--attempts", "-3"]),
                (2, "is not the number of a job", ["show", "0"]),
                (2, "unknown option -1", ["show", "-1"]),
                (2, "is not the number of a job", ["cancel", "99999999999999999999"]),
                (1, "there is no job 9223372036854775807", ["show", "9223372036854775807"]),
                (1, "there is no job 99", ["retry", "99"]),
                (1, "there is no job 99", ["bump", "99"]),
                (1, "there is no job 99", ["rm", "99"]),
                (1, f"job {job} is queued and can't be retried", ["retry", str(job)]),
                (1, f"job {job} is queued and can't be removed", ["rm", str(job)])]:
            expect_complaint(queue(*arguments), code, pattern)
        assert story(queue, job) == ["submitted"]


@each_store
def a_newer_schema_is_left_alone():
    with queue_of("newer") as queue:
        queue.good("worker", "--drain")  # makes it
        rows(queue, "UPDATE kirinuki_schema SET version = 999"
                    " WHERE version = (SELECT max(version) FROM kirinuki_schema)")
        for command in (["jobs"], ["add", video("many-0.mp4"), *QUICK], ["worker", "--drain"]):
            expect_complaint(queue(*command), 1, "newer")
        assert int(rows(queue, "SELECT count(*) FROM job")[0][0]) == 0


@each_store
def a_store_that_may_only_be_read():
    with queue_of("read-only") as queue:
        queue.good("worker", "--drain")  # makes it
        if POSTGRES:
            wire.ask(f"ALTER DATABASE {queue.database} SET default_transaction_read_only = on")
        else:
            queue.env["KIRINUKI_STORE"] = f"file:{queue.store}?mode=ro"
        for command in (["add", video("many-0.mp4"), *QUICK], ["worker", "--drain"]):
            expect_complaint(queue(*command), 1, "read-only")


def damaged(queue, change):
    """A copy of a database with jobs in it, to which `change` was done."""
    path = os.path.join(queue.home, "damaged.db")
    with contextlib.closing(sqlite3.connect(queue.store)) as source, \
            contextlib.closing(sqlite3.connect(path)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(path, "r+b") as file:
        change(file, os.path.getsize(path))
    return path


def wipe(file, size):
    file.seek(4096)
    file.write(b"\x5a" * (size - 4096))


def sqlite_case(function):
    return function if POSTGRES else case(function)


@sqlite_case
def a_file_that_is_no_database_or_a_broken_one():
    with queue_of("broken") as queue:
        queue.add(video("many-0.mp4"), *QUICK)
        text = os.path.join(queue.home, "text.db")
        with open(text, "w", encoding="utf-8") as out:
            out.write("this is no database " * 500)
        for pattern, path in [
                ("not an SQLite database", text),
                ("is damaged", damaged(queue, wipe)),
                ("damaged|not an SQLite database", damaged(queue, lambda f, n: f.truncate(n // 2))),
                ("is a folder", queue.home),
                ("cannot use the database|cannot open|there is no queue", queue.home + "/no/such/folder/q.db"),
                ("has to be a file|empty", ":memory:")]:
            for command in (["jobs"], ["worker", "--drain"]):
                expect_complaint(queue(*command, "--store", path), 1, pattern)


@only_postgres
def another_programs_tables_are_left_alone():
    with queue_of("others") as queue:
        rows(queue, "CREATE TABLE job (title text)")
        expect_complaint(queue("jobs"), 1, "another program's tables.*search_path%3Dkirinuki")
        expect_complaint(queue("worker", "--drain"), 1, "another program's tables")
        plain = queue.env["KIRINUKI_STORE"]
        plain += "&" if "?" in queue.store else "?"
        for schema, named in [("kirinuki", "kirinuki"), ('"Our Videos-2"', "%22Our%5C%20Videos-2%22")]:
            rows(queue, f"CREATE SCHEMA {schema}")
            queue.env["KIRINUKI_STORE"] = plain + "options=-csearch_path%3D" + named
            expect_complaint(queue("jobs"), 1, "there is no queue at")
            assert queue.add(video("many-0.mp4"), *QUICK) == [1]
            rows(queue, f"DROP TABLE {schema}.kirinuki_schema")
            expect_complaint(queue("jobs"), 1, "another program's tables")


class Stranger:
    """Something on a port that is no PostgreSQL server: it says `words` and hangs up."""

    def __init__(self, words):
        self.words = words
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
                with client:
                    client.recv(100)
                    client.sendall(self.words)
            except OSError:
                return


def replace(path):
    shutil.copy(path, path + ".new")
    os.rename(path + ".new", path)


@sqlite_case
def a_file_that_goes_away_under_a_worker_ends_it():
    for name, change, says in ("deleted", os.remove, "deleted"), ("swapped", replace, "replaced"):
        with queue_of("file-" + name) as queue:
            job, = queue.add(video("long.mp4", seconds=120), *RENDER)
            worker = queue.start("worker", "-j", "1", "--lease", "1")
            wait_for(lambda: "claimed" in story(queue, job), "the claim")
            change(queue.store)
            said = worker.communicate(timeout=60)
            assert worker.returncode == 1, said
            assert said[1].startswith("kirinuki: ") and f"was {says} while" in said[1], said
            assert len(said[1].splitlines()) == 1, said


@sqlite_case
def a_file_that_somebody_keeps_locked_does_not_keep_a_worker():
    with queue_of("locked") as queue:
        queue.good("worker", "--drain")  # which makes it
        worker = queue.start("worker", "--grace", "0", "--json")
        wait_for(lambda: rows(queue, "SELECT id FROM worker"), "the worker")
        with contextlib.closing(sqlite3.connect(queue.store)) as database:
            database.execute("BEGIN IMMEDIATE")
            worker.send_signal(signal.SIGTERM)
            said = worker.communicate(timeout=8)
            assert worker.returncode == 1 and "did not answer in time" in said[1], said


@each_store
def who_is_gone_is_told_and_not_waited_for():
    with queue_of("gone") as queue:
        job, = queue.add(video("long.mp4", seconds=120), *RENDER)
        worker = queue.start("worker", "-j", "1")
        wait_for(lambda: "claimed" in story(queue, job), "the claim")
        kill(worker)
        expect_complaint(queue("rm", str(job)), 1, "is running")
        let_leases_end(queue)
        said = queue.good("jobs").out
        assert "its worker is gone, and no other runs" in said, said
        assert "No worker runs" in said, said
        assert "its worker is gone" in queue.good("show", str(job)).out
        queue.until(job, lambda said: said["event"] == "waits" and "is gone" in (said["why"] or ""))
        assert "cancelled" in queue.good("cancel", str(job)).out
        queue.good("rm", str(job))
        assert not queue.jobs()


@each_store
def what_a_run_left_is_nobody_elses():
    with queue_of("gone-run") as queue:
        queue.good("worker", "--drain")  # which makes it
        run = queue.start("run", video("long.mp4", seconds=120), *RENDER)
        wait_for(lambda: [job for job in queue.jobs() if job["state"] == "running"], "the claim")
        kill(run)
        let_leases_end(queue)
        job, = queue.jobs()
        assert job["waits"] == "its `kirinuki run` is gone", job
        drain(queue)
        job, = queue.jobs()
        assert job["state"] == "failed", job


@only_postgres
def a_server_that_does_not_let_us_in():
    server = os.environ["KN_TEST_POSTGRES_TCP"]
    password = re.search(r":([^:@]*)@", server).group(1)
    port = re.search(r":(\d+)/", server).group(1)
    web, mute = Stranger(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Stranger(b"")
    with queue_of("let-in") as queue:
        for pattern, where in [
                ("password", server.replace(password, "wrong-secret")),
                ("does not exist", server.replace("/postgres", "/nowhere")),
                ("password|role", server.replace("//kirinuki", "//nobody")),
                ("Connection refused", "postgres://a:wrong-secret@127.0.0.1:1/x"),
                ("No such file", f"postgresql://kirinuki@/x?host={queue.home}&port={port}"),
                ("cannot connect|broke", f"postgres://a:wrong-secret@127.0.0.1:{web.port}/x"),
                ("cannot connect|broke", f"postgres://a:wrong-secret@127.0.0.1:{mute.port}/x"),
                ("does not know: nonsense", "postgres://a@127.0.0.1/x?nonsense=1"),
                ("can.t be read", "postgres://a@127.0.0.1:secret/x")]:
            for command in (["jobs"], ["worker", "--drain"]):
                said = queue(*command, "--store", where)
                expect_complaint(said, 1, pattern)
                assert "wrong-secret" not in said.err and password not in said.err, said


main()
