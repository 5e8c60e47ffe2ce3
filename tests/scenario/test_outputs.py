#!/usr/bin/env python3
"""What lies in the output folder after several runs, and what the program prints meanwhile."""
import json
import os
import re
import shutil
import signal
import subprocess

from scenario import (HOME, PROGRAM, case, corpus, environment, expect_complaint, ffmpeg, folder,
                      kirinuki, main, subtitles, words)

QUICK = ["--no-speech", "-l", "5-6", "--preset", "ultrafast"]


def moving(place, name, colour="red", seconds=24):
    """Pictures that move, and a hum; as .wav the hum alone. The same one is made once."""
    path, kind = os.path.join(place, name), os.path.splitext(name)[1]
    made = os.path.join(folder("made"), f"{colour}-{seconds}{kind}")
    if not os.path.exists(made):
        picture = ["-f", "lavfi", "-i",
                   f"testsrc2=s=320x180:r=15:d={seconds},drawbox=c={colour}:t=20"]
        sound = ["-f", "lavfi", "-i", f"sine=f=330:d={seconds},tremolo=f=4"]
        if kind == ".wav":
            picture = []
        ffmpeg(*picture, *sound, "-preset", "ultrafast", "-shortest", made)
    shutil.copyfile(made, path)
    return path


def files(place):
    """Everything in a folder that is to be seen, by its path in it."""
    return {os.path.relpath(os.path.join(d, n), place) for d, _, names in os.walk(place)
            for n in names if "/.kirinuki" not in d}


def result(place):
    with open(os.path.join(place, "result.json"), encoding="utf-8") as text:
        return json.load(text)


def named(place):
    """What the result of a folder names, and the result itself."""
    made, found = result(place), {"result.json", "report.html", result(place)["transcript"]}
    for clip in made["clips"]:
        found |= {f["path"] for f in clip["files"]}
        found |= {clip[kind] for kind in ("thumbnail", "srt", "vtt", "ass")}
    return found - {None}


@case
def notes_tell_videos_of_one_name_apart():
    here = folder("notes")
    for place, name, colour in ("d1", "t.mp4", "red"), ("d2", "t.mp4", "blue"), ("d3", "u.mp4", "red"):
        moving(folder(f"notes/{place}"), name, colour, seconds=8)
    outcome = kirinuki("run", "d1/t.mp4", "d2/t.mp4", "d3/u.mp4", *QUICK, "--copy", "-n", "9",
                       cwd=here)
    assert outcome.code == 0, outcome
    notes = [line.split(": ")[1] for line in outcome.err.splitlines() if line.startswith("note: ")]
    of_clips = {note for note in notes if "-clips/" in note}
    assert sorted(set(notes) - of_clips) == ["d1/t.mp4", "d2/t.mp4", "u.mp4"], outcome
    assert {os.path.dirname(note) for note in of_clips} == {"t-clips", "t-mp4-clips", "u-clips"}


@case
def sources_of_one_name_have_folders_of_their_own():
    here = folder("one-name")
    moving(here, "my vlog.mp4")
    moving(here, "my vlog.wav")
    outcome = kirinuki("run", "my vlog.mp4", "my vlog.wav", *QUICK, "-n", "1", cwd=here)
    assert outcome.code == 0, outcome
    folders = sorted(n for n in os.listdir(here) if n.endswith("-clips"))
    assert folders == ["my vlog-clips", "my vlog-wav-clips"], folders
    assert result(here + "/my vlog-clips")["source"]["path"].endswith(".mp4")
    assert result(here + "/my vlog-wav-clips")["source"]["path"].endswith(".wav")
    for name in folders:
        assert files(os.path.join(here, name)) == named(os.path.join(here, name))

    shutil.rmtree(here + "/my vlog-clips")  # the other one's folder stays its own
    again = kirinuki("run", "my vlog.wav", *QUICK, "-n", "1", cwd=here)
    assert again.code == 0 and again.out.startswith("my vlog-wav-clips/"), again

    other = folder("one-name/other")
    moving(other, "my vlog.wav", seconds=23)
    outcome = kirinuki("run", "other/my vlog.wav", *QUICK, "-n", "1", "-o", "my vlog-clips", cwd=here)
    assert outcome.code == 0, outcome
    third = moving(folder("one-name/third"), "my vlog.wav", seconds=22)
    outcome = kirinuki("run", third, *QUICK, "-n", "1", cwd=here)
    assert outcome.code == 0 and outcome.out.startswith("my vlog-2-clips/"), outcome


def write(place, name, text="mine\n"):
    with open(os.path.join(place, name), "w", encoding="utf-8") as file:
        file.write(text)


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


@case
def what_somebody_else_put_there_is_not_overwritten():
    here = folder("foreign")
    moving(here, "a.mp4")
    first = kirinuki("run", "a.mp4", *QUICK, "-n", "1", "-o", "first", cwd=here)
    clip = os.path.basename(first.out.strip())
    out = folder("foreign/out")
    for name in (clip, "report.html", "notes.txt"):
        write(out, name)
    os.symlink("notes.txt", os.path.join(out, clip.replace(".mp4", ".srt")))
    outcome = kirinuki("run", "a.mp4", *QUICK, "-n", "1", "-o", "out", cwd=here)
    assert outcome.code == 0 and "3 files that kirinuki had not written" in outcome.err, outcome
    for name in (clip, "report.html"):
        assert read(out, "older/1", name) == "mine\n", name
    assert os.path.islink(os.path.join(out, "older/1", clip.replace(".mp4", ".srt")))
    assert read(out, "notes.txt") == "mine\n"
    assert os.path.getsize(os.path.join(out, clip)) > 1000
    again = kirinuki("run", "a.mp4", *QUICK, "-n", "1", "-o", "out", cwd=here)
    assert again.code == 0 and not os.path.exists(os.path.join(out, "older/2")), again


@case
def what_was_edited_is_kept_when_clips_are_made_anew():
    here = folder("edited")
    moving(here, "a.mp4")
    write(here, "a.srt", "1\n00:00:01,000 --> 00:00:09,000\nSome words that are said here.\n\n"
          "2\n00:00:10,000 --> 00:00:20,000\nAnd these are some others, too.\n")
    options = ["run", "a.mp4", "-t", "a.srt", "-l", "5-12", "-n", "1", "--preset", "ultrafast",
               "-o", "out"]
    first = kirinuki(*options, cwd=here)
    assert first.code == 0, first
    stem = os.path.join(here, first.out.strip())[:-len(".mp4")]
    name = os.path.basename(stem)
    write(here, stem + ".ass", read(stem + ".ass").replace("Lato", "Arial") + "; mine\n")
    assert "older" not in os.listdir(here + "/out")
    same = kirinuki(*options, cwd=here)  # nothing is made, so nothing is moved
    assert same.code == 0 and read(stem + ".ass").endswith("; mine\n"), same
    other = kirinuki(*options, "-c", "box", cwd=here)
    assert other.code == 0 and "1 file that kirinuki had not written, or not" in other.err, other
    assert read(here, "out/older/1", name + ".ass").endswith("; mine\n")
    assert sorted(os.listdir(here + "/out/older/1")) == [name + ".ass"]
    third = kirinuki(*options, "-c", "bold", cwd=here)  # what it wrote itself it replaces
    assert third.code == 0 and os.listdir(here + "/out/older") == ["1"], third


@case
def clips_of_an_interrupted_run_keep_their_folder():
    here = folder("interrupted")
    first = moving(folder("interrupted/a"), "talk.mp4", seconds=60)
    second = moving(folder("interrupted/b"), "talk.mp4", "blue")
    stop_in_render(first, cwd=here, options=["--no-speech", "-n", "3", "-l", "15-20"])
    outcome = kirinuki("run", second, *QUICK, "-n", "1", cwd=here)
    assert outcome.code == 0 and outcome.out.startswith("talk-mp4-clips/"), outcome


def stop_in_render(*arguments, cwd=HOME, options=()):
    child = subprocess.Popen([os.path.abspath(PROGRAM), "run", *arguments, *options, "--json"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
                             text=True, cwd=cwd)
    for line in child.stdout:
        event = json.loads(line)
        if event.get("name", "").endswith("render") and event.get("state") == "running":
            break
    child.send_signal(signal.SIGINT)
    said = child.communicate(timeout=60)[1]
    assert child.returncode == 130, (child.returncode, said)
    return said


@case
def what_is_left_of_an_earlier_run_is_moved():
    source = moving(folder("left"), "talk.mp4", seconds=40)
    out = os.path.join(HOME, "left-clips")
    assert kirinuki("run", source, *QUICK, "-n", "2", "-a", "9:16,1:1", "-o", out).code == 0
    before = named(out)
    assert files(out) == before and len([n for n in before if n.endswith(".mp4")]) == 4, before
    strange = os.path.join(out, "02-mine.mp4")
    with open(strange, "w", encoding="ascii") as mine:
        mine.write("not kirinuki's")

    outcome = kirinuki("run", source, *QUICK, "-n", "1", "-o", out)
    assert outcome.code == 0 and "older/1" in outcome.err, outcome
    after = named(out)
    gone = before - after
    assert gone and files(out) == after | {"02-mine.mp4"} | {"older/1/" + n for n in gone}, files(out)
    assert [n for n in result(out)["timeline"]["notes"] if "older/1" in n]

    outcome = kirinuki("run", source, *QUICK, "-n", "1", "-o", out)
    assert outcome.code == 0 and "older" not in outcome.err, outcome
    assert open(strange, encoding="ascii").read() == "not kirinuki's"


@case
def what_another_source_left_is_moved_as_a_whole():
    first = moving(folder("whole/a"), "a.mp4")
    second = moving(folder("whole/b"), "b.mp4", "blue")
    out = os.path.join(HOME, "whole-clips")
    assert kirinuki("run", first, *QUICK, "-n", "1", "-o", out).code == 0
    before = {n: os.path.getsize(os.path.join(out, n)) for n in named(out)}
    outcome = kirinuki("run", second, *QUICK, "-n", "1", "-o", out)
    assert outcome.code == 0 and "another source" in outcome.err, outcome
    older = os.path.join(out, "older", "1")
    assert {n: os.path.getsize(os.path.join(older, n)) for n in files(older)} == before
    assert named(older) == set(before) and named(out) | {"older/1/" + n for n in before} == files(out)


@case
def all_words_are_written_to_be_corrected():
    speech, out = corpus("jfk_inaugural_11s.wav"), os.path.join(HOME, "words")
    options = [speech, "-l", "5-11", "-n", "1", "--preset", "ultrafast", "-o", out]
    assert kirinuki("run", *options).code == 0
    path = os.path.join(out, "transcript.srt")
    assert result(out)["transcript"] == "transcript.srt"
    said = subtitles(path)
    assert len(words(" ".join(t for _, _, t in said))) == result(out)["timeline"]["words"], said
    with open(path, encoding="utf-8") as srt:
        text = srt.read()
    assert all(len(line) <= 42 for line in text.splitlines()), text
    assert "country" in text and "transcript.srt" in open(out + "/report.html").read()

    with open(path, "w", encoding="utf-8") as srt:
        srt.write(text.replace("country", "lighthouse"))
    outcome = kirinuki("run", *options)  # without -t: what was corrected must not be lost
    assert outcome.code == 0 and "--transcript makes use of it" in outcome.err, outcome
    assert "lighthouse" in open(path, encoding="utf-8").read()
    assert result(out)["transcript"] is None
    outcome = kirinuki("run", *options, "-t", path)
    assert outcome.code == 0 and "--transcript" not in outcome.err, outcome
    assert result(out)["transcript"] == "transcript.srt"
    clip = result(out)["clips"][0]
    assert "lighthouse" in open(os.path.join(out, clip["srt"]), encoding="utf-8").read()
    assert "lighthouse" in open(path, encoding="utf-8").read()


@case
def without_a_terminal_little_is_printed():
    source = moving(folder("lines"), "lines.mp4", seconds=41)  # that nothing was found in before
    out = os.path.join(HOME, "lines-clips")
    outcome = kirinuki("run", source, *QUICK, "-n", "2", "-o", out)
    assert outcome.code == 0, outcome
    lines = outcome.err.splitlines()
    assert lines[0] == "lines.mp4", outcome
    told = [re.sub(r"^ *(\d+ min )?[\d.]+ (ms|s)  ", "", line) for line in lines[1:]]
    names = [os.path.basename(path) for path in outcome.out.split()]
    for wanted in ("listened", "looked", f"clip 1: {names[0]}", f"clip 2: {names[1]}"):
        assert len([t for t in told if t.startswith(wanted)]) == 1, (wanted, told)
    assert told.count("looking") <= 1 and told.count("listening") <= 1, told
    assert not [t for t in told if re.search("probe|identify|segments|render|skipped", t)], told
    assert len([t for t in told if not t.startswith("note:")]) <= 8, told
    again = kirinuki("run", source, *QUICK, "-n", "2", "-o", out)
    assert f"clip 2: {names[1]}, made before" in again.err and "listen" not in again.err, again


@case
def a_missing_file_gets_its_sentence_alone():
    outcome = kirinuki("run", "nowhere.mp4")
    expect_complaint(outcome, 1, r"nowhere\.mp4.*No such file")
    assert len(outcome.err.splitlines()) == 1, outcome


@case
def a_last_line_may_stay_longer_than_the_video():
    here = folder("long-line")
    moving(here, "a.mp4")
    write(here, "a.srt", "1\n00:00:01,000 --> 00:00:09,000\nSome words that are said here.\n\n"
          "2\n00:00:10,000 --> 99:59:59,000\nAnd these are some others, too.\n")
    write(here, "b.srt", "1\n00:00:01,000 --> 00:00:09,000\nSome words that are said here.\n\n"
          "2\n00:10:00,000 --> 00:10:05,000\nAnd these are of another video.\n")
    run = ["run", "a.mp4", "-l", "5-23", "-n", "1", "--preset", "ultrafast", "-o", "out"]
    outcome = kirinuki(*run, "-t", "a.srt", cwd=here)
    assert outcome.code == 0, outcome
    shown = subtitles(os.path.join(here, "out/transcript.srt"))
    assert words(" ".join(t for _, _, t in shown))[-2:] == ["others", "too"], shown
    assert shown[-1][1] <= 24.5, shown
    expect_complaint(kirinuki(*run, "-t", "b.srt", cwd=here), 1, "is it for another one")


@case
def an_impossible_folder_is_said_before_the_work():
    here = folder("impossible")
    moving(here, "a.mp4")
    write(here, "file")
    for name in ("file", "file/below/it"):
        outcome = kirinuki("run", "a.mp4", *QUICK, "-o", name, cwd=here)
        expect_complaint(outcome, 1, "file is a file, not a folder: choose another --output")
        assert "looked" not in outcome.err, outcome
    outcome = kirinuki("run", "a.mp4", *QUICK, "--into", "file", cwd=here)
    expect_complaint(outcome, 1, "file is a file, not a folder: choose another --into")


@case
def what_is_named_twice_is_made_once():
    here = folder("twice")
    moving(here, "a.mp4")
    outcome = kirinuki("run", "a.mp4", "./a.mp4", *QUICK, "-n", "1", cwd=here)
    assert outcome.code == 0 and "named before" in outcome.err, outcome
    assert outcome.out.count("\n") == 1 and os.listdir(here).count("a-clips") == 1, outcome


@case
def remarks_are_told_without_a_terminal():
    here = folder("remarks")
    moving(here, "a.mp4")
    outcome = kirinuki("run", "a.mp4", *QUICK, "-n", "1", "--encoder", "h264_nvenc", cwd=here)
    assert outcome.code == 0 and "h264_nvenc cannot be used here" in outcome.err, outcome


@case
def an_interrupt_says_how_to_go_on():
    source = moving(folder("stop"), "stop.mp4", seconds=60)
    options = ["--no-speech", "-n", "3", "-l", "15-20", "-o", HOME + "/stop-clips"]
    said = stop_in_render(source, options=options)
    assert "the same command continues from here" in said, said
    said = stop_in_render(source, options=[*options, "--fresh"])
    assert "the same command without --fresh continues" in said, said


@case
def doctor_says_each_thing_once():
    outcome = kirinuki("doctor", "--models", folder("no-models"))
    assert outcome.code == 1, outcome
    things = [line for line in outcome.out.splitlines() if not line.startswith("    ")]
    assert all(len(line) < 110 for line in things), outcome
    assert sum("ONNX Runtime" in line for line in things) == 1, outcome
    assert outcome.out.count("run `make`") == 1 and "--no-speech" in outcome.out, outcome
    listed = json.loads(kirinuki("doctor", "--models", folder("no-models"), "--json").out)
    assert len(listed) == len(things), listed
    assert all(bool(c["remedy"]) == (c["verdict"] != "good") for c in listed), listed


@case
def without_models_it_is_told_what_works():
    outcome = kirinuki("run", corpus("jfk_inaugural_11s.wav"), "--models", folder("no-models"),
                       "--fresh")
    expect_complaint(outcome, 1, r"make.*--transcript.*--no-speech")


@case
def counts_and_columns_are_right():
    source = moving(folder("counts"), "counts.mp4")
    outcome = kirinuki("analyze", source, "--no-speech", "-l", "5-8")
    assert re.search(r", 1 shot, 0 words in 0 sentences", outcome.out), outcome
    speech = kirinuki("analyze", corpus("jfk_inaugural_11s.wav"), "-l", "5-11")
    places = {m.end() for line in speech.out.splitlines()
              if (m := re.match(r"     [a-z-]+ +\d:\d\d\.\d", line))}
    assert len(places) == 1, speech
    out = os.path.join(HOME, "counts-clips")
    assert kirinuki("run", source, *QUICK, "-n", "1", "-o", out).code == 0
    assert "voice" not in re.search(r'"emphasis":"[^"]*"', open(out + "/report.html").read())[0]


main()
