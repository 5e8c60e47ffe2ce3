#!/usr/bin/env python3
"""pipeline.py: the whole job against what clippers usually do, one thing after another.

The rival extracts the sound, recognises it on one core, looks for scenes in every frame, then
cuts, crops, captions and encodes clip after clip with ffmpeg. Same source, same segments, same
encoder settings, in one run; what is printed are ratios.

BENCH_SOURCE   a video; else one of BENCH_SECONDS (600) is made from ../shared
BENCH_CLIPS    how many clips (5), of 25 to 35 s
"""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

WORK = pathlib.Path("build/bench/pipeline")
FFMPEG = ["ffmpeg", "-nostdin", "-v", "error", "-y"]
# As kirinuki encodes by default.
ENCODER = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-profile:v", "high",
           "-pix_fmt", "yuv420p"]


class Run:
    """One command's wall and CPU seconds and peak memory, its children included."""

    def __init__(self, name, command, stdout=subprocess.DEVNULL):
        errors = WORK / "stderr"
        start = time.monotonic()
        with open(errors, "wb") as log:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=log)
            _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        self.wall = time.monotonic() - start
        self.cpu = used.ru_utime + used.ru_stime
        self.peak_mb = used.ru_maxrss / 1024
        if child.returncode:
            sys.stderr.write(errors.read_text(errors="replace")[-2000:])
            sys.exit(f"bench: {name} failed")
        print(f"  {name:34} {self.wall:8.1f} s wall {self.cpu:8.1f} s CPU {self.peak_mb:7.0f} MB",
              flush=True)


def total(runs, what):
    return sum(getattr(run, what) for run in runs)


def probe(path, what, stream=None):
    select = ["-select_streams", stream, "-show_entries", f"stream={what}"] if stream else \
        ["-show_entries", f"format={what}"]
    command = ["ffprobe", "-v", "error", *select, "-of", "csv=p=0:s=x", str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def find_source():
    named = os.environ.get("BENCH_SOURCE")
    if named:
        return named
    seconds = os.environ.get("BENCH_SECONDS", "600")
    source = pathlib.Path(f"build/bench/source-{seconds}.mp4")
    maker = pathlib.Path("../shared/bench/make_source.sh")
    if not source.exists():
        if not maker.exists():
            print("skipped: no BENCH_SOURCE, and ../shared/bench is not here to make one")
            sys.exit(0)
        print("making the source (some minutes)", flush=True)
        subprocess.run(["bash", str(maker), str(source), seconds], check=True,
                       stdout=subprocess.DEVNULL)
    return str(source)


def rival_clip(source, out, number, segment, subtitles):
    """One clip as a clipper renders it, and its thumbnail."""
    length = segment["end"] - segment["start"]
    picture = "crop=ih*9/16:ih,scale=1080:1920:flags=bicubic,fps=30"
    if subtitles:
        # Its times are the clip's, and so are those of a picture that was sought to.
        shutil.copy(out / subtitles, WORK / "captions.ass")
        picture += f",ass={WORK}/captions.ass"
    clip = Run(f"ffmpeg, clip {number}", FFMPEG + [
        "-ss", str(segment["start"]), "-t", str(length), "-i", source, "-vf", picture, *ENCODER,
        "-af", "loudnorm=I=-14:TP=-1.5", "-c:a", "aac", "-b:a", "160k", "-ar", "48000",
        "-movflags", "+faststart", str(WORK / "clip.mp4")])
    thumbnail = Run(f"ffmpeg, thumbnail {number}", FFMPEG + [
        "-ss", str(segment["start"] + length / 2), "-i", source, "-frames:v", "1",
        str(WORK / "thumbnail.jpg")])
    return clip, thumbnail


def bound(path, number):
    """x264 alone on the frames of a finished clip, raw and in the page cache."""
    raw = WORK / "frames.yuv"
    subprocess.run(FFMPEG + ["-i", str(path), "-an", "-f", "rawvideo", str(raw)], check=True)
    size = probe(path, "width,height", "v:0")
    rate = probe(path, "r_frame_rate", "v:0")
    run = Run(f"x264 alone, clip {number}", FFMPEG + [
        "-f", "rawvideo", "-s", size, "-r", rate, "-pix_fmt", "yuv420p", "-i", str(raw), *ENCODER,
        "-f", "null", "-"])
    raw.unlink()
    return run


def start_up():
    times = []
    for _ in range(21):
        start = time.monotonic()
        subprocess.run(["build/kirinuki", "--help"], stdout=subprocess.DEVNULL, check=True)
        times.append(time.monotonic() - start)
    return 1000 * statistics.median(times)


def ratio(label, value, aim):
    print(f"{label:58} {value:8.3f}   aim {aim:g} {'met' if value <= aim else 'MISSED'}")


def main():
    WORK.mkdir(parents=True, exist_ok=True)
    source = find_source()
    seconds = float(probe(source, "duration"))
    count = os.environ.get("BENCH_CLIPS", "5")
    out = WORK / "clips"
    shutil.rmtree(out, ignore_errors=True)
    print(f"source: {source}, {seconds:.0f} s")

    # In two halves, so that analysis and rendering can be told apart.
    chosen = ["--clips", count, "--length", "25-35"]
    analyze = Run("kirinuki analyze", ["build/kirinuki", "analyze", "--fresh", "--quiet", *chosen,
                                       source])
    render = Run("kirinuki run (rendering)", ["build/kirinuki", "run", "--quiet", *chosen,
                                              "--output", str(out), source])
    result = json.loads((out / "result.json").read_text())

    sound = Run("ffmpeg, sound to a file", FFMPEG + ["-i", source, "-vn", "-ac", "1", "-ar",
                                                     "16000", str(WORK / "sound.wav")])
    # Our own recogniser on one core stands in for theirs, which are slower.
    speech = Run("speech on one core", ["taskset", "-c", "0", "build/kirinuki", "analyze",
                                        "--fresh", "--quiet", "--workers", "1",
                                        str(WORK / "sound.wav")])
    scenes = Run("ffmpeg, scenes", FFMPEG + ["-i", source, "-an", "-vf",
                                             "select='gt(scene,0.3)'", "-f", "null", "-"])
    decode = Run("ffmpeg, full decode", FFMPEG + ["-i", source, "-map", "0:v", "-f", "null", "-"])
    clips, thumbnails, bounds = [], [], []
    for number, clip in enumerate(result["clips"], 1):
        segment = result["segments"][clip["segment"]]
        made, thumbnail = rival_clip(source, out, number, segment, clip.get("ass"))
        clips.append(made)
        thumbnails.append(thumbnail)
        bounds.append(bound(out / clip["files"][0]["path"], number))
    if not clips:
        sys.exit("bench: kirinuki made no clips of this source")

    analysis = total([sound, speech, scenes], "wall")
    rendering = total(clips + thumbnails, "wall")
    print()
    ratio("analysis, wall, of the sequential one", analyze.wall / analysis, 0.20)
    ratio("rendering, wall, of x264 alone", render.wall / total(bounds, "wall"), 1.15)
    ratio("rendering, CPU, of x264 alone", render.cpu / total(bounds, "cpu"), 1.40)
    ratio("rendering, wall, of ffmpeg clip after clip", render.wall / rendering, 1)
    ratio("everything, wall, of the sequential pipeline",
          (analyze.wall + render.wall) / (analysis + rendering), 1)
    ratio("analysis with speech, CPU, of a full decode", analyze.cpu / decode.cpu, 1)
    ratio("peak memory, MB", max(analyze.peak_mb, render.peak_mb), 600)
    ratio("kirinuki --help, ms", start_up(), 20)


main()
