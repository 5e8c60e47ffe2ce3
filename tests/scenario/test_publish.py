#!/usr/bin/env python3
"""Publishing, as users do it: from a folder of clips to the platforms of a sandbox."""
import glob
import json
import os
import re
import shutil
import signal
import sqlite3
import threading
import time

from posting import PLATFORMS, World, clip, clips, thick, times_ahead, wait_for
from scenario import AT_ONCE_S, Skip, case, expect_complaint, ffmpeg, folder, main, probe, sample

WAITED_S = 60  # for what has to happen


def until(child, wanted):
    """Reads what a publish says as it goes on until an event, also the last one, is `wanted`."""
    alarm = threading.Timer(WAITED_S, child.kill)
    alarm.start()
    try:
        for line in child.stdout:
            if wanted(json.loads(line)):
                return
        raise AssertionError(f"it ended first: {child.stderr.read()}")
    finally:
        alarm.cancel()


def end_of(child):
    """What else it says, after `until`: the exit code and its events."""
    lines = child.stdout.readlines()
    return child.wait(timeout=WAITED_S), [json.loads(line) for line in lines]


SRT = "1\n00:00:00,000 --> 00:00:02,000\nNobody believed that bridges stand.\n"


def run_folder(name, count=1):
    """What `kirinuki run` leaves: clips, with their words, pictures and subtitles."""
    path = folder("run-" + name)
    segments, made = [], []
    for number, source in enumerate(clips(count)):
        base = f"clip {number}"
        shutil.copy(source, f"{path}/{base}.mp4")
        ffmpeg("-i", source, "-frames:v", "1", f"{path}/{base}.jpg")
        with open(f"{path}/{base}.srt", "w", encoding="utf-8") as srt:
            srt.write(SRT)
        segments.append({"title": f"Why bridges stand, part {number}", "hook": "Nobody knew it",
                         "posts": {"youtube": {"description": "All about bridges.",
                                               "hashtags": ["bridges", "engineering"]}}})
        made.append({"segment": number, "status": "ok", "files": [{"path": base + ".mp4"}],
                     "thumbnail": base + ".jpg", "srt": base + ".srt"})
    with open(path + "/result.json", "w", encoding="utf-8") as result:
        json.dump({"kirinuki_result": 1, "source": {"title": "A talk"},
                   "timeline": {"language": "en"}, "segments": segments, "clips": made}, result)
    return path


@case
def a_folder_is_published_with_its_words():
    path = run_folder("words")
    with World("words") as world:
        [post] = world.published(path, "-t", "youtube", "--privacy", "unlisted")
        [there] = world.shown()
        captions = [r for r in world.asked("youtube-edit") if "/captions" in r["url"]]
        assert post["state"] == "live" and post["url"].endswith(there["id"]), (post, there)
        assert there["text"]["title"] == "Why bridges stand, part 0", there
        assert there["text"]["description"] == "All about bridges.\n\n#bridges #engineering", there
        assert there["privacy"] == "unlisted" and there["cover_hash"], there
        assert there["bytes"] == os.path.getsize(path + "/clip 0.mp4"), there
        assert [r["status"] for r in captions] == [200], captions
        # Once more: it is known, and nothing is sent.
        before = len(world.asked())
        [again] = world.published(path, "-t", "youtube")
        assert again["id"] == post["id"] and again["state"] == "live", again
        assert len(world.asked()) == before, world.asked()[before:]
        [forced] = world.published(path + "/result.json", "-t", "youtube", "--force")
        assert forced["id"] != post["id"] and len(world.shown()) == 2, forced
        listing = world("posts").out
        assert listing.count("live") == 2 and post["url"] in listing, listing
        shown = json.loads(world("posts", str(post["id"]), "--json").out)
        assert shown["url"] == post["url"], shown


@case
def all_platforms_get_it_and_events_tell():
    with World("all") as world:
        outbox = world.home + "/outbox"
        events = world.events(clip(), "-t", "all,folder:" + outbox)
        posts = events[-1]["posts"]
        assert sorted(p["platform"] for p in posts) == sorted([*PLATFORMS, "folder"]), posts
        assert all(p["state"] == "live" and p["sent_bytes"] == p["bytes"] for p in posts), posts
        assert (events[-1]["failed"], events[-1]["refused"], events[-1]["later"]) == (0, 0, 0)
        for post in posts:
            told = [e["state"] for e in events if e["event"] == "post" and e["id"] == post["id"]]
            assert told[-1] == "live" and told == sorted(told, key=["planned", "uploading",
                                                                    "processing", "live"].index)
        there = world.shown()
        assert sorted(p["platform"] for p in there) == sorted(PLATFORMS), there
        assert len({p["hash"] for p in there}) == 1 and {p["state"] for p in there} == {"live"}
        assert len([n for n in os.listdir(outbox) if n.endswith(".mp4")]) == 1


@case
def a_check_names_what_is_refused_and_sends_nothing():
    small, long_text = clip("small", size="120x90", seconds=1), "wörd " * 1200
    other = os.path.join(folder("clips"), "matroska.mkv")
    ffmpeg("-i", clip(), "-c", "copy", other)
    with World("check") as world:
        assert world.publish(clip(), "-t", "all", "--check").code == 0
        for arguments, code, words in (
                ((small, "-t", "tiktok"), 1, "TikTok: the picture is 120 pixels wide"),
                ((small, "-t", "instagram"), 1, "s, and at least 3 s are needed"),
                ((small, clip(), "-t", "tiktok"), 3, "pixels"),
                ((other, "-t", "x,youtube", "--no-rendition"), 3, "X: its container is mkv, and "),
                ((other, "-t", "x,youtube"), 0, "a rendition of 360x640 will be made"),
                ((clip(), "-t", "youtube", "--title", "a < b"), 0, "a ‹ b"),
                ((clip(), "-t", "x", "--privacy", "friends"), 1, "X: a post cannot be friends"),
                ((clip(), "-t", "youtube,x", "--privacy", "unlisted"), 3, "cannot be unlisted")):
            outcome = world.publish(*arguments, "--check")
            assert outcome.code == code and words in outcome.out, (arguments, outcome)
        # What kirinuki writes itself, it makes fit.
        assert world.publish(clip(), "-t", "all", "--description", long_text, "--check").code == 0
        document = world.events(small, "-t", "tiktok", "--check", code=1)[0]
        assert document["event"] == "checked" and not document["good"], document
        assert {"rule", "text", "what_to_do", "warning"} <= set(document["findings"][0]), document
        assert world.asked() == [] and world.shown() == [] and world.known() == {}
        # Without --check the good ones are posted all the same.
        events = world.events(small, clip(), "-t", "tiktok", code=3)
        assert [p["state"] for p in events[-1]["posts"]] == ["live", "refused"], events
        assert events[-1]["refused"] == 1 and len(world.shown()) == 1, events
        [refused] = [p for p in events[-1]["posts"] if p["state"] == "refused"]
        remedies = refused["what_to_do"].split("; ")
        assert refused["reason"].count("TikTok: ") > len(remedies) == len(set(remedies)), refused


@case
def texts_in_all_scripts_fit_their_platform():
    texts = ["👩‍👩‍👧‍👦🏳️‍🌈 " * 400, "字幕を付けて公開する" * 300, "مرحبا بالعالم שלום עולם " * 300]
    with World("texts") as world:
        for number, text in enumerate(texts):
            posts = world.published(clips(3)[number], "-t", "all", "--title", "{hook}", "--caption",
                                    "{hook}", "--hook", text)
            assert {p["state"] for p in posts} == {"live"}, [p["reason"] for p in posts]
        for post in world.shown():
            said = " ".join(str(value) for value in post["text"].values())
            assert any(part in said for part in ("👩‍👩‍👧‍👦", "字幕", "مرحبا")), post
            assert "\ufffd" not in said, post


@case
def one_platform_that_fails_delays_no_other():
    # X is down for good; TikTok's answers never come.
    with World("down", "--fault", "503,path=x-initialize", "--fault",
               "timeout,path=tiktok-init") as world:
        child = world.start("publish", clip(), "-t", "all", "--json", "--sandbox=" + world.url)
        live = set()

        def others_are_live(event):
            if event["event"] == "post" and event["state"] == "live":
                live.add(event["platform"])
            return live == {"youtube", "instagram"}

        until(child, others_are_live)
        child.send_signal(signal.SIGINT)
        code, _ = end_of(child)
        assert code == 130, code
        states = {p["platform"]: p["state"] for p in world.known().values()}
        assert states["x"] == states["tiktok"] == "planned", states


@case
def bad_input_is_one_sentence():
    with World("bad") as world:
        expect_complaint(world("publish", clip(), "-t", "youtube"), 1, "`kirinuki auth youtube`")
        expect_complaint(world("publish", clip(), "-t", "all"), 1, "no account is connected yet")
        expect_complaint(world("publish", clip(), "-t", "yuotube"), 2, "did you mean youtube?")
        expect_complaint(world.publish(clip(), "-t", "youtube:nobody"), 1, "no account “nobody”")
        expect_complaint(world.publish("no.mp4", "-t", "youtube"), 1, "there is no such clip")
        expect_complaint(world.publish(world.home, "-t", "youtube"), 1, "has no result.json")
        expect_complaint(world("publish", "-t", "youtube"), 2, "publish needs clips")
        expect_complaint(world("publish", clip(), "-t", "webhook"), 1, "give --webhook URL")
        expect_complaint(world("publish", clip(), "--check", "--retry"), 2, "--check sends nothing")
        expect_complaint(world("publish", clip(), "--best-times", "9"), 2, "“9” is no time of day")
        expect_complaint(world("publish", clip(), "--category", "cats"), 2, "not “cats”")
        broken = os.path.join(world.home, "broken.mp4")
        with open(broken, "w", encoding="utf-8") as file:
            file.write("no video")
        outcome = world.publish(broken, "-t", "youtube")
        expect_complaint(outcome, 1, "broken.mp4")
        world.sandbox.process.terminate()
        world.sandbox.process.wait(timeout=60)
        expect_complaint(world.publish(clip(), "-t", "youtube"), 1, "there is no sandbox")
        assert world.known() == {}


@case
def a_clip_that_is_gone_or_changed_is_told():
    with World("gone") as world:
        path = os.path.join(world.home, "mine.mp4")
        shutil.copy(clip(), path)
        assert world.publish(path, "-t", "youtube", "--no-wait").code == 0
        os.rename(path, path + ".away")
        outcome = world("publish", "--retry", "--json")
        [post] = json.loads(outcome.out.splitlines()[-1])["posts"]
        assert outcome.code == 1 and post["state"] == "failed", outcome
        assert "is not there any more" in post["reason"], post
        assert "bring it back" in post["what_to_do"], post
        # Other bytes under its name, at first glance the same file: the hash tells.
        about = os.stat(path + ".away")
        with open(path + ".away", "rb") as file:
            data = bytearray(file.read())
        data[len(data) // 2] ^= 1
        with open(path, "wb") as file:
            file.write(data)
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
        outcome = world("publish", "--retry", "--json")
        [post] = json.loads(outcome.out.splitlines()[-1])["posts"]
        assert outcome.code == 1 and post["state"] == "failed", outcome
        assert "has changed since its post was planned" in post["reason"], post
        assert world.shown() == [], world.shown()
        os.rename(path + ".away", path)
        outcome = world("publish", "--retry")
        assert outcome.code == 0 and len(world.shown()) == 1, outcome


@case
def a_file_that_changes_while_it_is_sent_is_told():
    with World("changes", "--bandwidth", "64M") as world:
        path = thick(clip(), 24_000_000)  # more than what lies between the two on its way
        child = world.start("publish", path, "-t", "youtube", "--json", "--sandbox=" + world.url)
        about = os.stat(path)
        until(child, lambda event: event.get("sent_bytes"))
        with open(path, "r+b") as file:  # in place, near its end, and with the old time
            file.seek(23_900_000)
            file.write(b"changed")
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
        code, events = end_of(child)
        os.remove(path)
        [post] = events[-1]["posts"]
        assert code == 1 and post["state"] == "failed", post
        assert "has changed since its post was planned" in post["reason"], post
        assert world.shown() == [], world.shown()


@case
def an_account_that_was_ended_there_is_told():
    with World("ended") as world:
        assert world.publish(clip(), "-t", "all", "--no-wait").code == 0
        world.ask("/sandbox/reset", {})
        outcome = world("publish", "--retry", "--json")
        posts = json.loads(outcome.out.splitlines()[-1])["posts"]
        assert outcome.code == 1 and len(posts) == len(PLATFORMS), outcome
        assert {p["state"] for p in posts} == {"failed"}, posts
        for post in posts:
            assert f"`kirinuki auth {post['platform']}`" in post["reason"] + post["what_to_do"], post
        assert world.shown() == []


@case
def what_never_began_uses_nothing_up():
    """TikTok refuses the clip before its upload: the account's posts of the day are all left."""
    with World("unbegun", "--set", "tiktok-seconds=3") as world:
        post, = world.published(clip(), "-t", "tiktok", code=1)
        assert post["state"] == "failed" and "allows this account 3 s" in post["reason"], post
        with sqlite3.connect(world.home + "/queue.db") as queue:
            assert queue.execute("SELECT count(*) FROM quota_use").fetchone() == (0,)


@case
def a_full_disk_is_told():
    if os.geteuid() != 0 or not shutil.which("mount"):
        raise Skip("a small disk cannot be mounted here")
    with World("full") as world:
        small = folder("publish-full/small")
        if os.system(f"mount -t tmpfs -o size=256k tmpfs {small} 2>/dev/null"):
            raise Skip("a small disk cannot be mounted here")
        try:
            [post] = world.published(thick(clip(), 2_000_000), "-t", "folder:" + small, code=1)
            assert post["state"] == "failed" and "space" in post["reason"].lower(), post
            assert not [n for n in os.listdir(small) if n.endswith(".mp4")], os.listdir(small)
        finally:
            os.system(f"umount {small}")


@case
def people_decide():
    with World("decide", "--fault", "lost,path=x-post,first=1") as world:
        assert world.publish(clip(), "-t", "all", "--no-wait").code == 0
        posts = {p["platform"]: p["id"] for p in world.known().values()}
        assert world("posts", "cancel", str(posts["youtube"])).code == 0
        assert world("posts", "move", str(posts["tiktok"]), "--at", "+1h").code == 0
        assert world("posts", "cancel", "999", str(posts["youtube"])).code == 3
        outcome = world("publish", "--retry", "--json")
        states = {p["platform"]: p["state"] for p in world.known().values()}
        assert states["instagram"] == "live" and states["youtube"] == "cancelled", states
        assert states["tiktok"] == "planned", (states, outcome)
        assert world("posts", "retry", str(posts["youtube"])).code == 0
        assert world("posts", "move", str(posts["tiktok"]), "--at", "+0s").code == 0
        assert world("publish", "--retry").code == 0
        assert {p["state"] for p in world.known().values()} == {"live"}, world.known()
        assert sorted(p["platform"] for p in world.shown()) == sorted(PLATFORMS), world.shown()
        expect_complaint(world("posts", "retry", str(posts["x"])), 1, "live")
        expect_complaint(world("posts", "resolve", str(posts["x"])), 2, "--url URL")
        assert "of no post it is unknown" in world("posts", "retry", "--unknown").out
        expect_complaint(world("posts", "retry"), 2, "or --unknown")
        expect_complaint(world("posts", "retry", "1", "--unknown"), 2, "without numbers")
        expect_complaint(world("posts", "frobnicate"), 2, "posts takes the number of a post")


@case
def a_cancel_is_heard_in_the_middle_of_an_upload():
    with World("cancel", "--bandwidth", "2M") as world:
        path = thick(clip(), 8_000_000)  # half a minute
        child = world.start("publish", path, "-t", "youtube", "--json", "--sandbox=" + world.url)
        until(child, lambda event: event.get("sent_bytes"))
        assert "will be stopped" in world("posts", "cancel", "1").out
        code, events = end_of(child)
        assert code == 1 and events[-1]["posts"][0]["state"] == "cancelled", events[-1]
        assert world.shown() == [], world.shown()


@case
def our_own_queue_keeps_what_is_for_later():
    with World("later") as world:
        worker = world.start("worker", "--json", "--lease", "5")
        posts = world.published(clip(), "-t", "all", "--at", "+2s", "--no-wait")
        began = time.time()
        assert {p["state"] for p in posts} == {"planned"}, posts
        wait_for(lambda: all(p["state"] in ("live", "scheduled") for p in world.known().values()),
                 "what was due")
        states = {p["platform"]: p["state"] for p in world.known().values()}
        assert states.pop("youtube") in ("scheduled", "live"), states
        assert set(states.values()) == {"live"} and time.time() - began >= 1, states
        worker.send_signal(signal.SIGINT)
        worker.communicate(timeout=30)
        assert worker.returncode in (0, 130), worker.returncode
        # A worker that drains posts what is due before it ends.
        assert world.publish(clips(1)[0], "-t", "all", "--no-wait").code == 0
        assert world("worker", "--drain").code == 0
        assert len(world.shown()) == 2 * len(PLATFORMS), world.shown()


@case
def youtube_publishes_at_the_time_itself():
    with World("at") as world:
        events = world.events(*clips(2), "-t", "youtube", "--at", "+1h", "--every", "4h")
        first, second = events[-1]["posts"]
        assert first["state"] == second["state"] == "scheduled", events
        there = sorted(p["publish_at"] for p in world.shown())
        assert {p["state"] for p in world.shown()} == {"scheduled"}, world.shown()
        apart = [time.mktime(time.strptime(t, "%Y-%m-%dT%H:%M:%SZ")) for t in
                 [re.sub(r"\.\d+Z", "Z", t) for t in there]]
        assert apart[1] - apart[0] == 4 * 3600, there
        world.ask("/sandbox/clock", {"advance_s": 6 * 3600})
        assert {p["state"] for p in world.shown()} == {"live"}, world.shown()


def sent_bytes(world, path):
    """Of the clip, as the sandbox counted them."""
    return sum(r["bytes_in"] for r in world.asked(path))


def interrupted(number, within_s):
    """A publish is ended by a signal in the middle of an upload, and goes on from there."""
    with World(f"signal-{number}", "--bandwidth", "16M") as world:
        path = thick(clip(), 6_000_000)  # three seconds
        child = world.start("publish", path, "-t", "youtube", "--json", "--sandbox=" + world.url)
        until(child, lambda event: event.get("sent_bytes", 0) > 1_000_000)
        began = time.monotonic()
        child.send_signal(number)
        end_of(child)
        assert time.monotonic() - began < within_s, "the stop took too long"
        [post] = world.known().values()
        assert post["state"] == "uploading", post
        outcome = world("publish", "--retry", "--json")
        assert outcome.code == 0, outcome
        [there] = world.shown()
        assert there["bytes"] == 6_000_000 and there["state"] == "live", there
        again = sent_bytes(world, "youtube-upload") - 6_000_000
        assert 0 <= again < 2_000_000, again  # no more than what was on its way


@case
def ctrl_c_hands_back_and_retry_goes_on():
    interrupted(signal.SIGINT, 2 * AT_ONCE_S)


@case
def ctrl_c_before_anything_is_planned_says_so():
    with World("unplanned") as world:
        large = clip("large", size="1080x1920", seconds=6)
        child = world.start("publish", large, "-t", "x", "--sandbox=" + world.url)
        assert child.stdout.readline() == "making 1 rendition for X\n"
        child.send_signal(signal.SIGINT)
        out, complaint = child.communicate(timeout=WAITED_S)
        assert child.returncode == 130, (out, complaint)
        assert out == "stopped before anything was planned: the same command begins again\n", out
        assert world.known() == {}, world.known()


@case
def a_kill_loses_nothing():
    interrupted(signal.SIGKILL, AT_ONCE_S)


def run_and_publish(world, where, to, *more):
    talk, _ = sample()
    return world("run", talk, "--no-speech", "-n", "1", "-l", "5-6", "--preset", "ultrafast", "-v",
                 "-o", f"{world.home}/{where}", "--publish", to, "--sandbox=" + world.url, *more)


@case
def a_run_publishes_what_it_makes():
    with World("run") as world:
        outcome = run_and_publish(world, "clips", "all")
        assert outcome.code == 0, outcome
        for platform in PLATFORMS:
            assert re.search(rf"-> {platform}: live {world.url}", outcome.out), outcome
        # X takes a smaller file: it was made beside the clip, so none is made of the clip.
        assert "making" not in outcome.out, outcome
        assert "renditions in the same pass: 720x1280\n" in outcome.err, outcome
        steps = json.loads(world("show", "1", "--json").out)["steps"]
        assert [s["data"].get("renditions") for s in steps if s["name"] == "clip 1"] == ["720x1280"]
        assert len(world.shown()) == len(PLATFORMS), world.shown()
        [made] = glob.glob(world.env["XDG_CACHE_HOME"] + "/kirinuki/renditions/*-720x1280-*.mp4")
        made = probe(made)
        clip_made = probe(glob.glob(world.home + "/clips/*.mp4")[0])
        assert made["video"]["height"] == 1280 and clip_made["video"]["height"] == 1920, made
        assert made["video"]["nb_frames"] == clip_made["video"]["nb_frames"], (made, clip_made)
        # Once more, with nothing to be made: spread over the best times.
        outcome = run_and_publish(world, "clips", "folder:" + world.home + "/outbox", "--spread",
                                  "--best-times", ",".join(times_ahead(3, 9)))
        [post] = [p for p in world.known().values() if p["platform"] == "folder"]
        assert outcome.code == 0 and post["state"] == "planned" and post["appear"], (post, outcome)


@case
def a_clip_does_not_suffer_from_its_rendition():
    with World("run-bad") as world:
        world.env["XDG_CACHE_HOME"] = world.home + "/cache"
        os.makedirs(world.home + "/cache/kirinuki")
        with open(world.home + "/cache/kirinuki/renditions", "wb"):
            pass  # where the folder would be
        outcome = run_and_publish(world, "clips", "folder,x,youtube")
        assert outcome.code == 3 and "-> youtube: live" in outcome.out, outcome
        assert "720x1280 failed (cannot write " in outcome.err, outcome
        assert "X: the rendition that it needs cannot be made" in outcome.out, outcome
        assert probe(glob.glob(world.home + "/clips/*.mp4")[0])["video"]["height"] == 1920


if __name__ == "__main__":
    main()
