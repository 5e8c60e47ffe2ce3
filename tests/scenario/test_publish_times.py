#!/usr/bin/env python3
"""When posts appear: best times, times that YouTube keeps, and what users make of them later."""
import json
import os
import sqlite3
import time
import urllib.request

from posting import World, clip, clips, times_ahead
from scenario import case, expect_complaint, main

HOUR = 3600


def seconds(iso):
    """Of "2026-12-01T12:00:00Z", with parts of a second or without."""
    return int(time.mktime(time.strptime(iso[:19] + "UTC", "%Y-%m-%dT%H:%M:%S%Z")) - time.timezone)


def hours_ago(count):
    """As --at takes it."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(time.time() - count * HOUR))


def clock_of(posts, zone):
    """How a clock of `zone` shows when they appear: a day and a time each."""
    os.environ["TZ"] = zone
    time.tzset()
    shown = [time.strftime("%d %H:%M", time.localtime(seconds(p["appear"]))) for p in posts]
    del os.environ["TZ"]
    time.tzset()
    return shown


def on(posts, platform):
    return [post for post in posts if post["platform"] == platform]


def look_now(world):
    """As though what is to be looked at next were due."""
    with sqlite3.connect(world.home + "/queue.db") as store:
        store.execute("UPDATE post SET due_us = 1 WHERE state = 4 AND due_us > 0")
    store.close()


@case
def clips_are_spread_over_the_best_times():
    with World("spread") as world:
        zone = "PLACE-05:30"  # one that no other setting names
        world.env["TZ"] = zone
        one, two, all_day = times_ahead(3, 9, 15, zone_s=5.5 * HOUR)
        with open(world.home + "/kirinuki.conf", "w", encoding="utf-8") as conf:
            conf.write(f"best-times = {all_day}; x={one}; youtube:demo={one},{two}\n")
        how = ("--spread", "--config", world.home + "/kirinuki.conf")
        checked = world.events(*clips(3), "-t", "youtube,x", *how, "--check")
        posts = world.published(*clips(3), "-t", "youtube,x", *how)
        assert [e["at"] for e in checked] == [p["appear"] for p in posts], (checked, posts)
        times = {name: clock_of(on(posts, name), zone) for name in ("youtube", "x")}
        assert [t[3:] for t in times["youtube"]] == [one, two, one], times
        assert {t[3:] for t in times["x"]} == {one} and len(set(times["x"])) == 3, times
        assert {p["state"] for p in on(posts, "youtube")} == {"scheduled"}, posts
        assert {p["state"] for p in on(posts, "x")} == {"planned"}, posts
        assert [p["due"] for p in on(posts, "x")] == [p["appear"] for p in on(posts, "x")]
        there = sorted(seconds(p["publish_at"]) for p in world.shown("youtube"))
        assert there == [seconds(p["appear"]) for p in on(posts, "youtube")], there
        # What follows takes the next ones, not before a time and so far apart.
        later = world.published(*clips(5)[3:], "-t", "x", *how, "--at", "+10d", "--every", "2d")
        first, second = (seconds(p["appear"]) for p in later)
        assert first >= time.time() + 10 * 86400 - 1 and second - first == 2 * 86400, later
        assert "fine, at 20" in world.publish(clip(), "-t", "x", *how, "--check").out
        # One that is posted once more gets a time of its own.
        [forced] = world.events(clip(), "-t", "x", *how, "--force", "--check")
        assert forced["at"] not in [p["appear"] for p in posts + later], forced
        large = clip("large", size="1080x1920", seconds=4)
        assert "will be made, at 20" in world.publish(large, "-t", "x", *how, "--check").out
        over = ("--at", hours_ago(2), "--check")
        assert "fine, at once: " in world.publish(clip(), "-t", "x", *over).out


@case
def processes_that_spread_at_once_share_no_time():
    with World("spread-race") as world:
        paths = clips(6)
        children = [world.start("publish", path, "-t", "folder", "--spread", "--no-wait")
                    for path in paths]
        for child in children:
            out, complaint = child.communicate(timeout=120)
            assert child.returncode == 0, (out, complaint)
        appear = [p["appear"] for p in world.known().values() if p["appear"]]
        assert len(appear) == len(set(appear)) == len(paths), appear


def at_youtube(world, method, query):
    """Asks the sandbox's YouTube as the owner of the channel does."""
    token = world.ask("/sandbox/token", {"platform": "youtube", "account": "demo"})["access_token"]
    request = urllib.request.Request(f"{world.url}/youtube/v3/videos?{query}", method=method,
                                     headers={"Authorization": "Bearer " + token})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read() or "null")


def status_of(world, post):
    [item] = at_youtube(world, "GET", "part=status,snippet&id=" + post["remote_id"])["items"]
    return item


@case
def what_youtube_shows_is_looked_at_afterwards():
    with World("looks") as world:
        posts = world.published(*clips(3), "-t", "youtube", "--at", "+1h", "--category", "science")
        assert {p["state"] for p in posts} == {"scheduled"}, posts
        assert status_of(world, posts[0])["snippet"]["categoryId"] == "28"
        at_youtube(world, "DELETE", "id=" + posts[1]["remote_id"])
        world.ask("/sandbox/clock", {"advance_s": 2 * HOUR})
        before = len(world.sandbox.ledger()["requests"])
        assert world("publish", "--retry").code == 0  # their time is not over here
        assert len(world.sandbox.ledger()["requests"]) == before
        look_now(world)
        outcome = world("publish", "--retry", "--json")
        looks = [r["status"] for r in world.sandbox.ledger()["requests"][before:]
                 if r["path"] == "youtube-list"]
        known = world.known()
        states = [known[p["id"]]["state"] for p in posts]
        assert states == ["live", "failed", "live"] and outcome.code == 3, (states, outcome)
        assert looks.count(200) == 3, looks  # a unit each
        assert "does not know the video" in known[posts[1]["id"]]["reason"], known


@case
def others_who_publish_look_as_well():
    with World("others") as world:
        [post] = world.published(clip(), "-t", "youtube", "--at", "+1h")
        world.ask("/sandbox/clock", {"advance_s": 2 * HOUR})
        look_now(world)
        [other] = world.published(clips(1)[0], "-t", "folder", "--outbox", world.home + "/outbox")
        assert (other["id"], other["state"]) == (post["id"] + 1, "live"), other
        assert world.known()[post["id"]]["state"] == "live", world.known()


@case
def a_time_that_youtube_keeps_is_moved():
    with World("move") as world:
        # Before YouTube has it, and after that.
        assert world.publish(clips(1)[0], "-t", "youtube", "--at", "+1h", "--no-wait").code == 0
        assert world("posts", "move", "1", "--at", "+2h").code == 0
        first, second = world.published(*clips(2), "-t", "youtube", "--at", "+2h")
        assert first["id"] == 1 and first["state"] == second["state"] == "scheduled", first
        number = str(second["id"])
        assert abs(seconds(first["public"]) - seconds(second["public"])) < 120, (first, second)
        with sqlite3.connect(world.home + "/queue.db") as store:
            store.execute("UPDATE post SET tries = 11 WHERE id = 1")  # of days on which it was away
        outcome = world("posts", "move", str(first["id"]), "--at", "+5h")
        [[tries]] = store.execute("SELECT tries FROM post WHERE id = 1")
        store.close()
        assert tries == 0, tries
        assert outcome.code == 0 and "; YouTube knows" in outcome.out, outcome
        status = status_of(world, first)["status"]
        apart = seconds(status["publishAt"]) - seconds(first["public"])
        assert abs(apart - 3 * HOUR) < 120, (status, first)
        assert status["privacyStatus"] == "private" and status["embeddable"], status
        assert world.known()[first["id"]]["public"] == status["publishAt"], world.known()
        # Without a time it appears now.
        outcome = world("posts", "move", str(first["id"]))
        assert outcome.code == 0 and "is live: http" in outcome.out, outcome
        assert status_of(world, first)["status"]["privacyStatus"] == "public"
        expect_complaint(world("posts", "move", str(first["id"]), "--at", "+5h"), 1, "is live")
        expect_complaint(world("posts", "move", number, "--at", hours_ago(2)), 1,
                         f"the new time of post {number} is over")
        world.ask("/sandbox/clock", {"advance_s": 3 * HOUR})  # it is public before it is asked
        outcome = world("posts", "move", number, "--at", "+5h")
        assert "public before it could be moved" in world.known()[second["id"]]["reason"], outcome
        with sqlite3.connect(world.home + "/queue.db") as store:
            store.execute("UPDATE post SET state = 4, public_us = 1 WHERE id = ?", (number,))
        store.close()
        expect_complaint(world("posts", "move", number, "--at", "+5h"), 1,
                         f"the time of post {number} is over, so it can't be moved here any more")


@case
def what_youtube_keeps_is_taken_back_and_wanted_again():
    with World("take-back") as world:
        [post] = world.published(clip(), "-t", "youtube", "--at", "+1h")
        outcome = world("posts", "cancel", str(post["id"]))
        assert outcome.code == 0 and "stays on the channel as a private one" in outcome.out, outcome
        status = status_of(world, post)["status"]
        assert status["privacyStatus"] == "private" and "publishAt" not in status, status
        assert world.known()[post["id"]]["state"] == "cancelled"
        assert world("posts", "retry", str(post["id"])).code == 0
        assert world("publish", "--retry").code == 0
        assert status_of(world, post)["status"]["publishAt"] == post["public"]
        assert len(world.shown()) == 1, world.shown()  # nothing was sent again
        # Refused, it appears all the same.
        world.ask("/sandbox/settings", {"youtube-units": 1})
        outcome = world("posts", "cancel", str(post["id"]))
        now = world.known()[post["id"]]
        assert now["state"] == "scheduled" and "still appears at" in outcome.out, (outcome, now)


if __name__ == "__main__":
    main()
