#!/usr/bin/env python3
"""A video in Japanese, from subtitles to clips, without any service."""
import json
import os
import re

from scenario import HOME, case, ffmpeg, folder, kirinuki, main, subtitles

LINES = [
    "皆さん、朝の三十分をどう過ごしていますか？",
    "実は、この時間で一日の仕事の質が決まります。",
    "「そんなはずはない。」と思うかもしれません。",
    "でも、朝の脳は一番きれいな状態なんです。",
    "だから、スマートフォンを見てはいけません。",
    "紙に予定を書くと、脳は何をするのかを理解します。",
]
PARTICLES = "はがをにでともの"
SMALL = "ぁぃぅぇぉっゃゅょァィゥェォッャュョー。、！？」』"


def talk():
    """Pictures that move, a hum, and subtitles in Japanese: 4 s a line, 0.5 s apart."""
    place = folder("japanese")
    video, srt = os.path.join(place, "talk.mp4"), os.path.join(place, "talk.srt")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x180:r=15:d=28", "-f", "lavfi", "-i",
           "sine=f=220:d=28,tremolo=f=4", "-preset", "ultrafast", "-shortest", video)
    with open(srt, "w", encoding="utf-8") as out:
        for i, line in enumerate(LINES):
            start, end = 0.5 + 4.5 * i, 4.5 + 4.5 * i
            out.write(f"{i + 1}\n00:00:{start:06.3f} --> 00:00:{end:06.3f}\n{line}\n\n"
                      .replace(".", ","))
    return video, srt


@case
def japanese_subtitles_become_japanese_clips():
    video, srt = talk()
    out = os.path.join(HOME, "clips")
    outcome = kirinuki("run", video, "--transcript", srt, "--language", "ja", "-o", out, "-n", "1",
                       "-l", "8-10", "--preset", "ultrafast", "--titles", "--json")
    assert outcome.code == 0, outcome
    result = [json.loads(line) for line in outcome.out.splitlines()][-1]["result"]
    assert result["timeline"]["language"] == "ja" and result["timeline"]["sentences"] == len(LINES)
    assert result["timeline"]["words"] > 50, result["timeline"]  # the dictionary's, not lines

    clip, segment = result["clips"][0], result["segments"][0]
    starts = [0.5 + 4.5 * i for i in range(len(LINES))]
    assert any(0 <= s - segment["start"] <= 0.3 for s in starts), segment
    assert any(-0.1 <= segment["end"] - s - 4 <= 0.5 for s in starts), segment
    said = "".join(LINES)
    for text in (segment["title"], segment["hook"]):
        assert " " not in text and text.rstrip("。") in said, text
    assert segment["title"][-1] not in PARTICLES + "。、", segment["title"]

    name = clip["files"][0]["path"]
    assert re.fullmatch(r"01-[\w-]+\.mp4", name) and len(name.encode()) <= 70, name
    cues = subtitles(os.path.join(out, clip["srt"]))
    with open(os.path.join(out, clip["srt"]), encoding="utf-8") as text:
        shown = [line for line in text.read().splitlines()
                 if line and not line.isdigit() and "-->" not in line]
    assert cues and "".join(shown) in said, shown
    for line in shown:
        assert len(line) <= 16 and line[0] not in SMALL + PARTICLES and " " not in line, line

    with open(os.path.join(out, clip["ass"]), encoding="utf-8") as ass:
        words = [re.sub(r"\{[^}]*\}", "", line.split(",", 9)[9].strip())
                 for line in ass if line.startswith("Dialogue: 3,")]
    assert words and all(w[0] not in SMALL + PARTICLES for w in words), words


@case
def letters_without_a_font_are_told():
    place = folder("runes")
    video, srt = talk()
    runes = os.path.join(place, "runes.srt")
    with open(runes, "w", encoding="utf-8") as out:
        out.write("1\n00:00:01,000 --> 00:00:09,000\n𐰀𐰁𐰂 𐰃𐰄 𐰅𐰆.\n")
    outcome = kirinuki("run", video, "--transcript", runes, "--language", "otk", "-n", "1", "-l",
                       "5-6", "--preset", "ultrafast", "-o", os.path.join(HOME, "runes-clips"))
    assert outcome.code == 0, outcome
    assert "no installed font has the letter" in outcome.err and "apt install" in outcome.err, outcome


main()
