#!/usr/bin/env python3
"""What single options of the main job do to its clips."""
import json
import os

from scenario import (HOME, Skip, case, corpus, expect_complaint, ffmpeg, folder, kirinuki,
                      loudness, main, probe, sample, subtitles, words)

QUICK = ["--clips", "1", "--length", "5-8", "--preset", "ultrafast"]


def run(name, *arguments):
    """Runs into a folder of that name; the result, and the folder."""
    out = os.path.join(HOME, name)
    outcome = kirinuki("run", *arguments, "-o", out, "--json")
    assert outcome.code == 0, outcome
    return [json.loads(line) for line in outcome.out.splitlines()][-1]["result"], out


def silent_video():
    """Pictures that move, and a hum: nobody speaks."""
    path = os.path.join(folder("made"), "hum.mp4")
    if not os.path.exists(path):
        ffmpeg("-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=16", "-f", "lavfi", "-i",
               "sine=f=330:d=16,tremolo=f=4", "-shortest", "-preset", "ultrafast", path)
    return path


def short_talk():
    """The first 45 s of the sample talk, and what is said and shown in all of it."""
    talk, rows = sample()
    path = os.path.join(folder("made"), "talk.mp4")
    if not os.path.exists(path):
        ffmpeg("-i", talk, "-t", "45", "-c", "copy", path)
    return path, rows


def read(path):
    with open(path, "rb") as file:
        return file.read()


def decoded(path):
    """(time, hash) of each picture of a file, as a player would show it."""
    listed = os.path.join(HOME, "pictures.md5")
    ffmpeg("-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", listed)
    found, unit = [], 1.0
    with open(listed, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("#tb 0: "):
                above, below = line[7:].split("/")
                unit = int(above) / int(below)
            elif not line.startswith("#"):
                fields = [f.strip() for f in line.split(",")]
                found.append((int(fields[2]) * unit, fields[5]))
    return found


@case
def copied_clips_keep_the_pictures():
    talk, rows = short_talk()
    result, out = run("copy", talk, "--copy", "-n", "2", "-l", "8-20")
    source, shown = result["source"]["video"], decoded(talk)
    for clip in result["clips"]:
        file, = clip["files"]
        segment = result["segments"][clip["segment"]]
        path = os.path.join(out, file["path"])
        found = probe(path)
        assert file["aspect"] == "source" and "framing" not in file, file
        assert (file["width"], file["height"]) == (source["width"], source["height"]), file
        assert (found["video"]["width"], found["video"]["height"]) == (file["width"], file["height"])
        assert clip["ass"] is None and clip["remark"] is None, clip

        length, frame = segment["end"] - segment["start"], 1 / source["frame_rate"]
        for stream in (found["video"], found["audio"]):
            assert abs(float(stream["duration"]) - length) <= frame + 0.001, (stream, length)
        pictures = decoded(path)
        assert len(pictures) == file["frames"], (len(pictures), file)
        wanted = [h for at, h in shown if at > clip["start"] - frame / 2][:len(pictures)]
        same = sum(h == w for (_, h), w in zip(pictures, wanted))
        print(f"# {same} of {len(pictures)} pictures are the source's, bit for bit")
        assert same >= file["copied_frames"] > len(pictures) / 2, (same, file)

        level, peak = loudness(path)
        assert abs(level + 14) <= 0.5 and peak <= -1.5, (level, peak)
        truth = words(" ".join(r["text"] for r in rows if r["kind"] == "sentence"))
        for at, end, text in subtitles(os.path.join(out, clip["srt"])):
            assert 0 <= at < end <= length + frame, (at, end, length)
            assert sum(w in truth for w in words(text)) >= len(words(text)) * 0.6, text
        picture = probe(os.path.join(out, clip["thumbnail"]))["video"]
        assert picture["width"] * source["height"] == picture["height"] * source["width"], picture

    again, _ = run("copy", talk, "--copy", "-n", "2", "-l", "8-20")
    assert all(c["reused"] for c in again["clips"]), again["clips"]
    for now, before in zip(again["clips"], result["clips"]):
        assert now["files"] == before["files"] and now["start"] == before["start"], now
    rendered, _ = run("copy", talk, "-n", "1", "-l", "8-20", "--preset", "ultrafast")
    assert not any(c["reused"] for c in rendered["clips"]), rendered["clips"]


@case
def a_codec_without_exact_cuts_starts_at_a_key_frame():
    """The file, its subtitles and its place in the source agree; a remark says what happened."""
    talk, _ = short_talk()
    path = os.path.join(folder("made"), "talk.webm")
    ffmpeg("-i", talk, "-vf", "scale=320:-2", "-c:v", "libvpx-vp9", "-deadline", "realtime",
           "-cpu-used", "8", "-g", "150", "-c:a", "libopus", path)
    exact, _ = run("copy-exact", talk, "--copy", "-n", "1", "-l", "8-40")
    result, out = run("copy-vp9", path, "--copy", "-n", "1", "-l", "8-40")
    clip, segment = result["clips"][0], result["segments"][0]
    file, = clip["files"]
    assert "key frame" in clip["remark"], clip
    assert segment["start"] - 5.1 < clip["start"] <= segment["start"] + 0.04, (clip, segment)
    assert file["copied_frames"] == file["frames"], file
    found = probe(os.path.join(out, file["path"]))
    assert found["video"]["codec_name"] == "vp9", found["video"]
    assert abs(float(found["video"]["duration"]) - clip["duration"]) < 0.05, found["video"]
    if all(abs(exact["segments"][0][edge] - segment[edge]) < 0.1 for edge in ("start", "end")):
        later = [at for at, _, _ in subtitles(os.path.join(out, clip["srt"]))][-1]
        there = [at for at, _, _ in subtitles(os.path.join(HOME, "copy-exact",
                                                           exact["clips"][0]["srt"]))][-1]
        assert abs(later + clip["start"] - there - exact["clips"][0]["start"]) < 0.3


@case
def what_cannot_be_copied_is_told_at_once():
    sound = os.path.join(folder("made"), "hum.wav")
    ffmpeg("-f", "lavfi", "-i", "sine=f=330:d=16", sound)
    expect_complaint(kirinuki("run", sound, "--copy"), 1, r"hum\.wav has no pictures to copy")
    old = os.path.join(folder("made"), "old.avi")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=16", "-f", "lavfi", "-i",
           "sine=f=330:d=16", "-c:v", "mjpeg", old)
    expect_complaint(kirinuki("run", old, "--copy"), 1, r"old\.avi: pictures in mjpeg cannot be")
    assert not [n for n in os.listdir(HOME) if n.endswith("-clips")], os.listdir(HOME)
    for extra in (["--aspect", "1:1"], ["--layout", "fit"], ["-c", "bold"], ["--titles"],
                  ["--encoder", "libx264"], ["--crf", "18"]):
        expect_complaint(kirinuki("run", silent_video(), "--copy", *extra), 2, "--copy keeps")


def heard(*arguments):
    """The timeline that `analyze` gives."""
    outcome = kirinuki("analyze", *arguments, "--json", "-q")
    assert outcome.code == 0, outcome
    return json.loads(outcome.out)["timeline"]


def write_lines(path, spoken, late):
    """Subtitles of eight words a line, `late` seconds behind the sound."""
    def stamp(t):
        ms = round(t * 1000)
        return f"{ms // 3600000:02}:{ms // 60000 % 60:02}:{ms // 1000 % 60:02},{ms % 1000:03}"
    with open(path, "w", encoding="utf-8") as srt:
        for i in range(0, len(spoken), 8):
            line = spoken[i:i + 8]
            start, end = line[0]["start_us"] / 1e6 + late, line[-1]["end_us"] / 1e6 + late
            srt.write(f"{i // 8 + 1}\n{stamp(start)} --> {stamp(end)}\n"
                      f"{' '.join(w['text'] for w in line)}\n\n")


@case
def words_of_subtitles_are_set_to_the_sound():
    talk, _ = short_talk()
    own = heard(talk)["words"]
    path = os.path.join(folder("made"), "late.srt")
    write_lines(path, own, 0.3)

    def offsets(*arguments):
        timeline = heard(talk, "-t", path, *arguments)
        assert [w["text"] for w in timeline["words"]] == [w["text"] for w in own]
        apart = sorted(abs(a["start_us"] - b["start_us"]) / 1e6
                       for a, b in zip(own, timeline["words"]))
        print(f"# of {len(apart)} words half within {apart[len(apart) // 2]:.3f} s, 95 % within "
              f"{apart[len(apart) * 95 // 100]:.3f} s")
        return apart, [n["text"] for n in timeline["notes"] if "subtitles" in n["text"]]

    apart, notes = offsets()
    assert apart[len(apart) * 95 // 100] <= 0.15 and not notes, (apart[-20:], notes)
    apart, notes = offsets("--models", folder("no-models"))
    assert apart[len(apart) // 2] > 0.2, "without an engine the lines' times were not kept"
    assert len(notes) == 1 and "times of their lines" in notes[0], notes


@case
def subtitles_of_something_else_keep_their_times():
    path = os.path.join(folder("made"), "other.srt")
    spoken = [{"start_us": i * 400000, "end_us": i * 400000 + 300000, "text": w} for i, w in
              enumerate("nobody here says one single word of all these many words".split())]
    write_lines(path, spoken, 1)
    timeline = heard(silent_video(), "-t", path)
    assert [w["start_us"] for w in timeline["words"]][0] == 1000000, timeline["words"]
    assert "could not be found in the sound" in timeline["notes"][0]["text"], timeline["notes"]


@case
def faces_are_looked_for_once_their_model_is_there():
    """A timeline that was kept without faces is no reason to go without them for ever."""
    models = os.environ.get("KIRINUKI_MODELS") or os.path.join(
        os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share"), "kirinuki/models")
    face_model = os.path.join(models, "blazeface-back.onnx")
    if not os.path.exists(face_model):
        raise Skip("the face model is not installed")
    some = folder("some-models")
    os.symlink(os.path.join(models, "libonnxruntime.so"), os.path.join(some, "libonnxruntime.so"))
    arguments = [corpus("latentsync1_vertical_hevc.mp4"), "--no-speech", "--models", some]
    timeline = heard(*arguments)
    assert "faces were not looked for" in timeline["notes"][0]["text"], timeline["notes"]
    assert "`kirinuki doctor`" in timeline["notes"][0]["text"], timeline["notes"]
    os.symlink(face_model, os.path.join(some, "blazeface-back.onnx"))
    timeline = heard(*arguments)
    assert not timeline["notes"], timeline["notes"]
    assert any(sample["faces"] for sample in timeline["face_samples"]), "no face was found"


@case
def without_speech_no_title_is_drawn():
    """A clip that nobody speaks in is called "Scene at 0:00.0": a name, but no title."""
    made = {}
    for name, options in {"plain": [], "titled": ["--titles", "--thumbnail-titles"]}.items():
        result, out = run(name, silent_video(), *QUICK, "--no-speech", *options)
        clip = result["clips"][0]
        assert result["segments"][0]["title"].startswith("Scene at"), result["segments"]
        video = os.path.join(HOME, name + ".md5")
        ffmpeg("-i", os.path.join(out, clip["files"][0]["path"]), "-map", "0:v", "-f", "framemd5",
               video)
        made[name] = read(video), read(os.path.join(out, clip["thumbnail"]))
    assert made["plain"][0] == made["titled"][0], "something was drawn over the pictures"
    assert made["plain"][1] == made["titled"][1], "something was drawn over the thumbnail"


@case
def a_thumbnail_bears_its_title():
    """White under the card, where the picture has colours; below the card nothing changes."""
    path = os.path.join(folder("made"), "hum.srt")
    with open(path, "w", encoding="utf-8") as srt:
        srt.write("1\n00:00:00,000 --> 00:00:07,000\nLook at this wonderful picture here.\n\n"
                  "2\n00:00:07,500 --> 00:00:14,000\nIt is really rather colourful indeed.\n")
    white = {}
    for name, options in {"bare": [], "titled": ["--thumbnail-titles"]}.items():
        result, out = run("thumbnail-" + name, silent_video(), *QUICK, "-t", path, *options)
        raw = os.path.join(HOME, name + ".gray")
        ffmpeg("-i", os.path.join(out, result["clips"][0]["thumbnail"]), "-vf",
               "scale=108:192:flags=area,format=gray", "-f", "rawvideo", raw)
        white[name] = sum(value > 245 for value in read(raw))
    assert white["titled"] > white["bare"] + 400, white


@case
def sound_that_stays_too_quiet_is_told():
    """A hum far below what can be heard: amplified by 20 dB and no more, since it may as well be noise."""
    remarks = {}
    for name, volume in (("faint", "-32dB"), ("clear", "0dB")):
        path = os.path.join(folder("made"), name + ".mp4")
        ffmpeg("-i", silent_video(), "-c:v", "copy", "-af", "volume=" + volume, path)
        result, _ = run(name, path, *QUICK, "--no-speech")
        remarks[name] = result["clips"][0]["remark"]
        print(f"# {name}: {remarks[name]}")
    assert "too quiet" in remarks["faint"] and "LUFS" in remarks["faint"], remarks
    assert remarks["clear"] is None, remarks


@case
def a_split_that_cannot_be_had_is_told():
    result, _ = run("split", silent_video(), *QUICK, "--no-speech", "--layout", "split")
    clip, = result["clips"]
    assert "never two faces" in clip["remark"], clip
    assert all(k["layout"] == "fill" for k in clip["files"][0]["framing"]), clip


@case
def a_black_picture_is_told():
    path = os.path.join(folder("made"), "black.mp4")
    ffmpeg("-f", "lavfi", "-i", "color=black:s=640x360:r=25:d=16", "-f", "lavfi", "-i",
           "sine=f=330:d=16,tremolo=f=4", "-shortest", path)
    for name, options in (("black", []), ("black-copy", ["--copy"])):
        result, _ = run(name, path, *QUICK, "--no-speech", *options)
        assert "the picture is black throughout" in result["timeline"]["notes"], result["timeline"]
        assert "black throughout" in result["clips"][0]["remark"], result["clips"]


@case
def letters_without_a_font_are_told_once_and_early():
    """Anatolian hieroglyphs: hardly any machine has a font for them."""
    path = os.path.join(folder("made"), "old.srt")
    with open(path, "w", encoding="utf-8") as srt:
        srt.write("1\n00:00:00,000 --> 00:00:04,000\nLook at this: \U00014400\U00014401 here.\n\n"
                  "2\n00:00:04,500 --> 00:00:09,000\nIt is \U00014402 rather old indeed.\n")
    options = [silent_video(), *QUICK, "-t", path]
    result, _ = run("letters", *options)
    notes = [n for n in result["timeline"]["notes"] if "no installed font" in n]
    assert len(notes) == 1, result["timeline"]["notes"]
    again, _ = run("letters", *options)
    assert again["timeline_reused"] and again["timeline"]["notes"] == result["timeline"]["notes"]
    quiet, _ = run("letters-off", *options, "--captions", "off")
    assert not [n for n in quiet["timeline"]["notes"] if "font" in n], quiet["timeline"]["notes"]


main()
