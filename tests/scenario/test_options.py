#!/usr/bin/env python3
"""What single options of the main job do to its clips."""
import json
import os

from scenario import HOME, case, ffmpeg, folder, kirinuki, main

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
               "sine=f=330:d=16,tremolo=f=4", "-shortest", path)
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read()


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
