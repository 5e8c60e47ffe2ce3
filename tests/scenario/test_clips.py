#!/usr/bin/env python3
"""The main job on the sample talk, whose words, pictures and times are known to the sample."""
import json
import os
import subprocess

from scenario import (AT_ONCE_S, HOME, case, ffmpeg, folder, kirinuki, leftovers, loudness, main, probe,
                      sample, subtitles, words)

OUT = os.path.join(HOME, "clips")
WANTED = ["-n", "3", "-l", "8-20"]
MAIN = [*WANTED, "-a", "9:16,1:1", "--preset", "superfast"]  # the quickest of H.264's High profile
state = {}


def job():
    """One run for all cases: its result, and the folder's files."""
    if "result" not in state:
        talk, rows = sample()
        outcome = kirinuki("run", talk, "-o", OUT, "--json", *MAIN)
        assert outcome.code == 0, outcome
        events = [json.loads(line) for line in outcome.out.splitlines()]
        state.update(result=[e for e in events if e["event"] == "result"][0]["result"],
                     events=events, rows=rows, talk=talk)
    return state


def clips():
    return job()["result"]["clips"]


def segment(clip):
    return job()["result"]["segments"][clip["segment"]]


def files():
    return [(c, f, os.path.join(OUT, f["path"])) for c in clips() for f in c["files"]]


def errors(reference, found):
    """Word edit distance."""
    row = list(range(len(found) + 1))
    for i, word in enumerate(reference, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(found, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


def sentences():
    return [r for r in job()["rows"] if r["kind"] == "sentence"]


@case
def clips_are_chosen_from_the_whole_talk():
    spans = sorted((segment(c)["start"], segment(c)["end"]) for c in clips())
    assert 2 <= len(spans) <= 3, spans
    for (_, end), (start, _) in zip(spans, spans[1:]):
        assert end <= start, f"clips overlap: {spans}"
    for start, end in spans:
        assert 8 <= end - start <= 20.5, spans


@case
def no_sentence_is_cut():
    for clip in clips():
        for edge in (segment(clip)["start"], segment(clip)["end"]):
            inside = [s for s in sentences() if s["start"] + 0.05 < edge < s["end"] - 0.05]
            assert not inside, f"the cut at {edge} is inside: {inside}"


@case
def edges_near_a_picture_change_lie_on_it():
    """A cut that leaves a few frames of the neighbouring picture flashes."""
    frame = 1 / 30
    for clip in clips():
        start, end = segment(clip)["start"], segment(clip)["end"]
        for row in job()["rows"]:
            if row["kind"] != "picture":
                continue
            cut = row["start"]
            assert not start + frame < cut < start + 0.15, f"a flash at the start: {start} {cut}"
            assert not end - 0.15 < cut < end - frame, f"a flash at the end: {end} {cut}"


@case
def the_words_are_right():
    reference, found = [], []
    for clip in clips():
        start, end = segment(clip)["start"], segment(clip)["end"]
        for s in sentences():
            if s["start"] >= start - 0.1 and s["end"] <= end + 0.1:
                reference += words(s["text"])
        for _, _, text in subtitles(os.path.join(OUT, clip["srt"])):
            found += words(text)
    rate = errors(reference, found) / len(reference)
    print(f"# word error rate {rate:.3f} of {len(reference)} words")
    assert rate <= 0.15, rate


@case
def captions_are_in_time():
    """Where a caption begins with the first words of a sentence, it begins with its sound."""
    offsets = []
    for clip in clips():
        start = segment(clip)["start"]
        for at, _, text in subtitles(os.path.join(OUT, clip["srt"])):
            for s in sentences():
                if words(text)[:2] == words(s["text"])[:2] and abs(s["start"] - start - at) < 2:
                    offsets.append(at - (s["start"] - start))
    assert len(offsets) >= 5, offsets
    offsets.sort(key=abs)
    print(f"# caption offsets: median {offsets[len(offsets) // 2]:+.3f} s, "
          f"largest {offsets[-1]:+.3f} s, of {len(offsets)}")
    assert abs(offsets[len(offsets) // 2]) <= 0.1, offsets
    assert abs(offsets[-1]) <= 0.4, offsets


@case
def files_have_the_promised_form():
    sizes = {"9:16": (1080, 1920), "1:1": (1080, 1080)}
    for clip, file, path in files():
        found = probe(path)
        video, audio = found["video"], found["audio"]
        assert (video["width"], video["height"]) == sizes[file["aspect"]], video
        assert video["codec_name"] == "h264" and video["profile"] == "High", video
        assert video["pix_fmt"] == "yuv420p" and video["r_frame_rate"] == "30/1", video
        assert audio["codec_name"] == "aac" and audio["sample_rate"] == "48000", audio
        drift = abs(float(video["duration"]) - float(audio["duration"]))
        assert drift < 1 / 30 + 0.001, f"{path}: sound and picture differ by {drift} s"
        length = segment(clip)["end"] - segment(clip)["start"]
        assert abs(float(video["duration"]) - length) <= 1 / 30 + 0.001, (path, length, video)
        with open(path, "rb") as mp4:
            head = mp4.read(256 * 1024)
        assert b"moov" in head, f"{path} is not made for streaming"


@case
def loudness_is_levelled():
    for _, _, path in files():
        level, peak = loudness(path)
        print(f"# {os.path.basename(path)}: {level} LUFS, {peak} dBTP")
        assert abs(level + 14) <= 0.5, f"{path}: {level} LUFS"
        assert peak <= -1.5, f"{path}: {peak} dBTP"


@case
def pictures_of_the_clip_are_those_of_the_span():
    """The first frame shows what the source shows at the segment's start, captions aside."""
    clip = clips()[0]
    path = os.path.join(OUT, clip["files"][0]["path"])
    made = folder("frames")
    at = segment(clip)["start"]
    ffmpeg("-i", path, "-frames:v", "1", "-vf", "scale=32:57,format=gray", made + "/clip.pgm")
    brightness = {}
    ffmpeg("-ss", str(max(0, at)), "-i", job()["talk"], "-frames:v", "1", "-vf",
           "scale=64:36,format=gray", made + "/source.pgm")
    for name in ("clip", "source"):
        with open(f"{made}/{name}.pgm", "rb") as pgm:
            pixels = pgm.read().split(b"\n", 3)[-1]
        brightness[name] = sum(pixels) / len(pixels)
    assert brightness["clip"] > 3, "the first frame is black"
    assert abs(brightness["clip"] - brightness["source"]) < 60, brightness


@case
def every_clip_has_its_sidecars_and_thumbnail():
    for clip in clips():
        for kind in ("srt", "vtt", "ass", "thumbnail"):
            assert os.path.getsize(os.path.join(OUT, clip[kind])) > 50, (kind, clip)
        thumbnail = probe(os.path.join(OUT, clip["thumbnail"]))["video"]
        assert thumbnail["width"] * 16 == thumbnail["height"] * 9, thumbnail


@case
def listening_and_looking_overlap():
    times = {t["name"]: t for t in job()["result"]["step_times"]}
    listen, look = times["listen"], times["look"]
    overlap = min(listen["end"], look["end"]) - max(listen["start"], look["start"])
    assert overlap > 0, (listen, look)


@case
def progress_never_runs_backwards():
    overall = [e["fraction"] for e in job()["events"] if e["event"] == "step" and e["id"] == 0]
    assert len(overall) >= 3 and overall == sorted(overall), overall
    assert overall[-1] == 1


@case
def a_second_run_reuses_everything():
    before = {path: os.stat(path).st_mtime_ns for _, _, path in files()}
    outcome = kirinuki("run", job()["talk"], "-o", OUT, "--json", *MAIN)
    assert outcome.code == 0, outcome
    result = [json.loads(line) for line in outcome.out.splitlines()][-1]["result"]
    assert result["timeline_reused"] and all(c["reused"] for c in result["clips"]), result["clips"]
    assert before == {path: os.stat(path).st_mtime_ns for _, _, path in files()}


@case
def a_lost_clip_is_made_again_and_only_that():
    _, _, lost = files()[-1]
    os.remove(lost)
    outcome = kirinuki("run", job()["talk"], "-o", OUT, "--json", *MAIN)
    assert outcome.code == 0, outcome
    result = [json.loads(line) for line in outcome.out.splitlines()][-1]["result"]
    assert [c["reused"] for c in result["clips"]].count(False) == 1, result["clips"]
    assert os.path.exists(lost) and not leftovers(OUT)


@case
def the_same_input_gives_the_same_choice():
    outcome = kirinuki("analyze", job()["talk"], "--json", *WANTED, "--fresh")
    assert outcome.code == 0, outcome
    result = json.loads(outcome.out)["result"]
    assert result["segments"] == job()["result"]["segments"]


@case
def subtitles_that_exist_are_used():
    """Given the truth as SRT, the captions say it to the letter."""
    def stamp(t):
        ms = round(t * 1000)
        return f"{ms // 3600000:02}:{ms // 60000 % 60:02}:{ms // 1000 % 60:02},{ms % 1000:03}"
    path = os.path.join(folder("made"), "talk.srt")
    with open(path, "w", encoding="utf-8") as srt:
        for i, s in enumerate(sentences(), 1):
            srt.write(f"{i}\n{stamp(s['start'])} --> {stamp(s['end'])}\n{s['text']}\n\n")
    out = os.path.join(HOME, "given")
    outcome = kirinuki("run", job()["talk"], "-t", path, "-o", out, "--json", "-n", "1",
                       "-l", "8-20", "--preset", "ultrafast")
    assert outcome.code == 0, outcome
    result = [json.loads(line) for line in outcome.out.splitlines()][-1]["result"]
    said = " ".join(t for _, _, t in subtitles(os.path.join(out, result["clips"][0]["srt"])))
    truth = " ".join(s["text"] for s in sentences())
    assert " ".join(words(said)) in " ".join(words(truth)), said


@case
def an_interrupt_stops_at_once_and_leaves_nothing_half_made():
    """What is left to render would take longer: the rest of a clip, and two more."""
    import signal
    import time
    from scenario import PROGRAM, environment
    out = os.path.join(HOME, "stopped")
    child = subprocess.Popen([os.path.abspath(PROGRAM), "run", job()["talk"], "-o", out, "--json",
                              *WANTED, "--preset", "ultrafast"], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=environment(), text=True)
    for line in child.stdout:  # wait until a clip is being rendered
        event = json.loads(line)
        if event.get("name", "").endswith("render") and event.get("state") == "running":
            break
    begin = time.monotonic()
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=120)
    took = time.monotonic() - begin
    assert child.returncode == 130, child.returncode
    assert took < AT_ONCE_S, f"it took {took:.2f} s to stop"
    assert not leftovers(out), leftovers(out)
    again = kirinuki("run", job()["talk"], "-o", out, *WANTED, "--preset", "ultrafast")
    assert again.code == 0 and len(again.out.split()) == len(clips()), again


main()
