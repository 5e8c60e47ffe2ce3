#!/usr/bin/env python3
"""Bad input gets one clear sentence and the right exit code, and leaves nothing behind."""
import errno
import fcntl
import json
import os
import re
import resource
import shutil
import subprocess

from scenario import (HOME, PROGRAM, ROOT, Outcome, Skip, case, corpus, environment, expect_complaint,
                      ffmpeg, folder, kirinuki, leftovers, main, models_folder, probe)

FAILED, USAGE = 1, 2
SHORT = ["--clips", "1", "--length", "5-7", "--preset", "ultrafast"]


def refuse(pattern, *arguments, code=FAILED, **how):
    """Runs into an output folder that must not exist afterwards, or hold nothing unfinished."""
    out = os.path.join(HOME, "refused")
    shutil.rmtree(out, ignore_errors=True)
    outcome = kirinuki("run", *arguments, "-o", out, **how)
    expect_complaint(outcome, code, pattern)
    assert not os.path.exists(out), f"{out} was made: {os.listdir(out)}"
    return outcome


def accept(path, *arguments, clips=1):
    """An odd but good source: clips come out, and players' tools can read them."""
    out = os.path.join(HOME, "accepted")
    shutil.rmtree(out, ignore_errors=True)
    outcome = kirinuki("run", path, *SHORT, *arguments, "-o", out)
    assert outcome.code == 0, outcome
    paths = outcome.out.split()
    assert len(paths) >= clips, outcome
    for made in paths:
        found = probe(os.path.join(HOME, made))
        assert (found["video"]["width"], found["video"]["height"]) == (1080, 1920), found["video"]
        assert found["video"]["pix_fmt"] == "yuv420p"
        assert found["audio"]["sample_rate"] == "48000"
    assert not leftovers(out)
    return outcome


def talk(name, *options):
    """Twelve seconds of noise-like sound over a moving picture."""
    path = os.path.join(folder("made"), name)
    if not os.path.exists(path):
        ffmpeg("-f", "lavfi", "-i", "testsrc2=s=640x360:r=30:d=12", "-f", "lavfi", "-i",
               "sine=f=330:d=12,tremolo=f=4", "-shortest", "-preset", "ultrafast", *options, path)
    return path


def lengthen(name, times):
    """A source that is too short for a clip, played several times in a row as it is."""
    whole = corpus(name)
    path = os.path.join(folder("made"), os.path.basename(name))
    ffmpeg("-stream_loop", str(times - 1), "-i", whole, "-map", "0:v:0", "-map", "0:a:0?", "-c",
           "copy", path)
    return path


@case
def missing_file():
    refuse(r"nowhere\.mp4.*No such file", "nowhere.mp4")


@case
def directory():
    refuse(r"is a (directory|folder)", folder("a-directory"))


@case
def empty_file():
    refuse(r"zero_byte\.mp4.*empty", corpus("pathological/zero_byte.mp4"))


@case
def text_named_mp4():
    refuse(r"text_named\.mp4", corpus("pathological/text_named.mp4"))


@case
def truncated_before_its_index():
    refuse(r"truncated_65pct\.mp4.*(cut off|incomplete|index)",
           corpus("pathological/truncated_65pct.mp4"))


@case
def half_a_second():
    path = os.path.join(folder("made"), "half.mp4")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=640x360:r=30:d=0.5", path)
    outcome = kirinuki("run", path, "-o", os.path.join(HOME, "half"))
    assert outcome.code in (0, 1), outcome
    assert "short" in outcome.err or "long" in outcome.err, outcome


@case
def unknown_option():
    refuse(r"unknown option --clisp; did you mean --clips\?", "x.mp4", "--clisp", "3", code=USAGE)


@case
def contradictory_options():
    refuse(r"--quiet and --verbose", "x.mp4", "--quiet", "--verbose", code=USAGE)
    refuse(r"--length takes", "x.mp4", "--length", "60-15", code=USAGE)


@case
def no_video_named():
    expect_complaint(kirinuki("run"), USAGE, r"run needs a video")


@case
def an_empty_name_is_no_video():
    """As when a variable of a script was not set."""
    for command, thing in ("run", "video"), ("analyze", "video"), ("add", "video"), \
            ("segments", "transcript"):
        expect_complaint(kirinuki(command, ""), USAGE, f"an empty name is no {thing}")
    expect_complaint(kirinuki("run", "a.mp4", ""), USAGE, "an empty name is no video")


@case
def commands_that_do_no_work_take_nothing_else():
    for word in "version", "--version", "-V":
        expect_complaint(kirinuki(word, "--nonsense"), USAGE, "unknown option --nonsense")
        expect_complaint(kirinuki(word, "nonsense"), USAGE, "version takes no arguments")
        told = json.loads(kirinuki(word, "--json").out)
        assert told["name"] == "kirinuki", told
        assert kirinuki(word).out == f"kirinuki {told['version']}\n"
        assert "--json" in kirinuki(word, "--help").out
    expect_complaint(kirinuki("help", "--nonsense"), USAGE, "unknown command --nonsense")
    expect_complaint(kirinuki("help", "run", "nonsense"), USAGE, "help takes one command")
    expect_complaint(kirinuki("--help", "run", "nonsense"), USAGE, "help takes one command")
    assert kirinuki("help", "--help").out == kirinuki("--help").out
    for command in "doctor", "jobs", "pause", "resume", "worker":
        expect_complaint(kirinuki(command, "--nonsense"), USAGE, "unknown option --nonsense")
        expect_complaint(kirinuki(command, "nonsense"), USAGE, f"{command} takes no arguments")


@case
def the_commands_stand_in_columns():
    """Each summary begins in the same one, also behind VIDEO… and ID…."""
    lines = kirinuki("--help").out.split("Commands:\n")[1].split("\n\n")[0].splitlines()
    assert len(lines) > 10 and any("…" in line for line in lines), lines
    for line in lines:
        assert line[22] == " " and line[23] != " ", line
    for command in (line.split()[0] for line in lines):
        usage = kirinuki(command, "--help").out.splitlines()[0]
        assert usage == usage.rstrip() and command in usage, usage


@case
def the_manual_knows_every_command():
    """And where the queue is. It is a page that troff has nothing to say against."""
    page = subprocess.run([os.path.join(ROOT, "scripts", "manual.sh"), os.path.abspath(PROGRAM),
                           os.path.join(ROOT, "docs", "kirinuki.1.in")], check=True,
                          capture_output=True, timeout=60).stdout.decode()
    sections = dict(part.split("\n", 1) for part in page.split("\n.SH ")[1:])
    lines = kirinuki("--help").out.split("Commands:\n")[1].split("\n\n")[0].splitlines()
    for command in (line.split()[0] for line in lines):
        assert f".B kirinuki {command}\n.RI [ options ]" in sections["SYNOPSIS"], sections["SYNOPSIS"]
        assert "SS Examples" in sections[f"KIRINUKI {command.upper()}"], command
    assert "/queue.db" in sections["FILES"] and "KIRINUKI_STORE" in sections["ENVIRONMENT"]
    if shutil.which("groff"):
        shown = subprocess.run(["groff", "-man", "-Kutf8", "-Tutf8", "-ww"], input=page.encode(),
                               check=True, capture_output=True, timeout=60)
        assert not shown.stderr, shown.stderr
        assert "\u2026" in shown.stdout.decode() and "@" not in page


def models_but(*names):
    """A folder with all models but those."""
    whole = models_folder()
    part = os.path.join(HOME, "some-models")
    shutil.rmtree(part, ignore_errors=True)
    os.mkdir(part)
    for name in os.listdir(whole):
        if name not in names:
            os.symlink(os.path.join(whole, name), os.path.join(part, name))
    return part


def models_with(name, change):
    """A folder with all models, where the content of one is what `change` makes of it."""
    part = models_but(name)
    content = bytearray(open(os.path.join(models_folder(), name), "rb").read())
    path = os.path.join(part, name)
    open(path, "wb").write(change(content))
    os.chmod(path, 0o644)
    return part, path


def doctor(models):
    """What doctor says of the models there: its exit code, and what is not good."""
    outcome = kirinuki("doctor", "--json", "--models", models)
    found = json.loads(outcome.out)
    return outcome.code, [c["found"] for c in found if c["verdict"] != "good"]


def flip(content):
    content[len(content) // 2] ^= 0x10
    return content


@case
def cut_onnx_library():
    part, _ = models_with("libonnxruntime.so", lambda content: content[:20000])
    refuse(r"libonnxruntime\.so cannot be loaded, because it is damaged: its end is missing.*make",
           corpus("jfk_inaugural_11s.wav"), "--models", part)
    code, bad = doctor(part)
    assert code == FAILED and any("its end is missing" in b for b in bad), bad


@case
def onnx_library_that_is_none():
    part, _ = models_with("libonnxruntime.so", lambda content: b"#!/bin/sh\n" * 1000)
    refuse(r"does not begin as a shared library", corpus("jfk_inaugural_11s.wav"), "--models", part)


@case
def flipped_bits_are_found_by_doctor():
    for name in "libonnxruntime.so", "silero-vad.onnx":
        part, _ = models_with(name, flip)
        code, bad = doctor(part)
        assert code == FAILED, bad
        assert any(name in b and "not the right content" in b for b in bad), bad


@case
def cut_models():
    for name in "moonshine-tiny-vocab.txt", "silero-vad.onnx":
        part, _ = models_with(name, lambda content: content[:-1000])
        refuse(name + r" has \d+ bytes where \d+ are expected.*make",
               corpus("jfk_inaugural_11s.wav"), "--models", part)


@case
def damaged_models_of_the_right_size():
    """What says that it cannot be used says what to type, too."""
    for name in "silero-vad.onnx", "moonshine-tiny-encoder.onnx", "moonshine-tiny-decoder.onnx", \
            "moonshine-tiny-vocab.txt":
        part, path = models_with(name, lambda content: bytes(len(content)))
        refuse(re.escape(path) + " has the right size, but not the right content: delete it and "
               "run `make`", corpus("jfk_inaugural_11s.wav"), "--models", part)
    part, _ = models_with("blazeface-back.onnx", lambda content: bytes(len(content)))
    outcome = kirinuki("run", talk("talk.mp4"), *SHORT, "--copy", "--no-speech", "--models", part)
    assert outcome.code == 0 and re.search("note: faces were not looked for.* missing or damaged, "
                                           "and `kirinuki doctor` says what to type",
                                           outcome.err), outcome


@case
def onnx_library_that_anybody_can_write():
    part, path = models_with("libonnxruntime.so", bytes)
    os.chmod(path, 0o646)
    refuse(r"libonnxruntime\.so is not loaded, because somebody else could have written it",
           corpus("jfk_inaugural_11s.wav"), "--models", part)


@case
def missing_model():
    refuse(r"make", corpus("jfk_inaugural_11s.wav"), "--models", folder("no-models"))


@case
def missing_onnx_library():
    part = models_but("libonnxruntime.so")
    refuse(r"ONNX Runtime", corpus("jfk_inaugural_11s.wav"), "--models", part)


@case
def unwritable_output():
    outcome = kirinuki("run", corpus("aws_foodvlog.mp4"), "-o", "/proc/kirinuki", *SHORT)
    expect_complaint(outcome, FAILED, r"/proc/kirinuki")


@case
def output_is_a_file():
    path = os.path.join(folder("made"), "a-file")
    open(path, "w", encoding="ascii").close()
    outcome = kirinuki("run", corpus("aws_foodvlog.mp4"), "-o", path, *SHORT)
    expect_complaint(outcome, FAILED, r"is a file, not a folder")


@case
def disk_full():
    small = folder("small-disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", small],
                             capture_output=True, check=False)
    if mounted.returncode != 0:
        raise Skip("no right to mount a small file system")
    try:
        outcome = kirinuki("run", corpus("aws_foodvlog.mp4"), *SHORT, "-o", small + "/out")
        expect_complaint(outcome, FAILED, r"(disk is full|No space left)")
        assert not leftovers(small), os.listdir(small + "/out")
        left = [f for f in os.listdir(small + "/out") if f.endswith((".mp4", ".jpg", ".srt"))]
        assert left in ([], ["transcript.srt"]), left  # the source's words are whole, or not there
    finally:
        subprocess.run(["umount", small], check=True)


@case
def cut_off_behind_its_index():
    """What is there is used, and it is said that there should be more."""
    path = talk("cut-off.mp4", "-movflags", "+faststart", "-b:v", "400k", "-maxrate", "400k",
                "-bufsize", "400k")
    os.truncate(path, os.path.getsize(path) * 2 // 3)
    outcome = accept(path)
    assert "the file is cut off" in outcome.err, outcome


@case
def damaged_in_the_middle():
    whole = corpus("autoeditor_example.mp4")
    path = os.path.join(folder("made"), "damaged.mp4")
    data = bytearray(open(whole, "rb").read())
    middle = len(data) // 2
    data[middle:middle + 60000] = bytes(60000)
    open(path, "wb").write(data)
    outcome = accept(path)
    assert "damaged" in outcome.err, outcome


@case
def no_sound():
    accept(lengthen("pathological/pixel7_noaudio_rot180_vfr.mp4", 6))


@case
def sound_only():
    accept(corpus("jfk_inaugural_11s.wav"))


@case
def ten_bit_rotated_variable_rate():
    accept(lengthen("pathological/iphone_hevc10_rot90_vfr_editlist.mp4", 3))


@case
def hdr_av1():
    accept(lengthen("pathological/av1_hdr10_720x1280.mp4", 2))


@case
def square_vp9():
    accept(lengthen("pathological/vp9_square.webm", 3))


@case
def odd_size():
    accept(corpus("pathological/odd_size_518x488.mp4"))


@case
def rotated_with_five_channels():
    accept(lengthen("pathological/rotate90_5.1.mp4", 4))


@case
def no_duration_in_the_container():
    path = os.path.join(folder("made"), "no-duration.webm")
    with open(path, "wb") as out:  # a pipe can't be rewound to write the duration
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-stream_loop", "2", "-i",
                        corpus("pathological/no_duration_vp9.webm"), "-c", "copy", "-f", "webm",
                        "pipe:1"], stdout=out, check=True, timeout=60)
    accept(path)


@case
def transport_stream_from_the_middle():
    accept(corpus("pathological/ts_starts_midpacket.ts"))


@case
def wrong_extension():
    path = os.path.join(folder("made"), "really-mp4.avi")
    shutil.copy(talk("talk.mp4"), path)
    accept(path)


@case
def name_that_is_not_utf8():
    path = os.path.join(os.fsencode(folder("made")), b"caf\xe9 \"quoted\" $x 'y'.mp4")
    shutil.copy(talk("talk.mp4"), path)
    accept(os.fsdecode(path))


@case
def very_long_name():
    path = os.path.join(folder("made"), "x" * 240 + ".mp4")
    shutil.copy(talk("talk.mp4"), path)
    accept(path)
    refuse(r"too long", "y" * 300 + ".mp4")


@case
def huge_picture():
    path = talk("huge.mp4", "-vf", "fps=5,scale=7680:4320:flags=neighbor", "-t", "6")
    accept(path)


@case
def times_below_zero():
    """Matroska has none, so the first packets are without."""
    path = os.path.join(folder("made"), "below-zero.mkv")
    ffmpeg("-i", corpus("autoeditor_example.mp4"), "-t", "12", "-c", "copy", "-output_ts_offset",
           "-5", "-avoid_negative_ts", "disabled", path)
    accept(path)


def change_during(step, out, cache):
    """Runs, writes another video over the source as soon as that step runs; gives the outcome."""
    path = os.path.join(folder("made"), "changing.mp4")
    shutil.copy(talk("talk.mp4"), path)
    run = subprocess.Popen([os.path.abspath(PROGRAM), "run", path, "--json", *SHORT, "-o", out],
                           env=environment(XDG_CACHE_HOME=cache), stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=HOME, text=True)
    printed = ""
    for line in run.stdout:
        printed += line
        event = json.loads(line)
        if event["event"] == "step" and event["name"] == step and event["state"] == "running":
            shutil.copy(corpus("autoeditor_example.mp4"), path)
            break
    rest, complaint = run.communicate(timeout=300)
    return Outcome(run.returncode, printed + rest, complaint)


def made_in(path):
    """Everything below a folder but what holds it."""
    return [f for _, _, names in os.walk(path) for f in names
            if f not in ("lock", "report.html", "result.json")]


@case
def source_that_changes():
    for step in "listen", "clip 1 look", "clip 1 render":
        out = os.path.join(HOME, "changed")
        cache = os.path.join(HOME, "changed-cache")
        shutil.rmtree(out, ignore_errors=True)
        shutil.rmtree(cache, ignore_errors=True)
        outcome = change_during(step, out, cache)
        expect_complaint(outcome, FAILED, r"changing\.mp4 changed while it was being read: run again")
        # What was found before the change is right, and kept under its own hash.
        kept = re.compile(r"folder\.json|[0-9a-f]+-[0-9a-f]+\.json")
        made = [name for name in made_in(out) if not kept.fullmatch(name)]
        assert not made, made
        if step == "listen":
            assert not made_in(cache), made_in(cache)


@case
def two_runs_in_one_folder():
    out = os.path.join(HOME, "shared-output")
    os.makedirs(out + "/.kirinuki")
    with open(out + "/.kirinuki/lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        outcome = kirinuki("run", talk("talk.mp4"), *SHORT, "-o", out)
        expect_complaint(outcome, FAILED, r"another kirinuki is working in .*shared-output: choose "
                                          r"another --output, or wait")
    # A run that was killed left these; the kernel let its lock go.
    for name in "01-clip.4711.part.mp4", "report.html.4711-3.part", ".kirinuki/a.json.4711-9.part":
        open(os.path.join(out, name), "w", encoding="ascii").close()
    kept = os.path.join(out, "download.part")
    open(kept, "w", encoding="ascii").close()
    outcome = kirinuki("run", talk("talk.mp4"), *SHORT, "-o", out)
    assert outcome.code == 0, outcome
    assert leftovers(out) == [kept], leftovers(out)


@case
def no_home():
    """Nobody's home is not everybody's folder."""
    env = environment()
    for name in "HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "KIRINUKI_MODELS":
        env.pop(name, None)
    for home in None, "":
        outcome = kirinuki("doctor", "--json", env=env if home is None else dict(env, HOME=home))
        assert "/tmp/." not in outcome.out, outcome


@case
def cache_that_cannot_be_written():
    env = environment(XDG_CACHE_HOME="/proc/nowhere")
    outcome = kirinuki("analyze", talk("talk.mp4"), "--json", env=env)
    assert outcome.code == 0, outcome
    notes = [note["text"] for note in json.loads(outcome.out)["timeline"]["notes"]]
    assert any("could not be kept: cannot make the folder" in note for note in notes), notes
    # Beside clips it is kept in their folder as well, and that is enough.
    out = os.path.join(HOME, "no-cache")
    for reused in False, True:
        assert kirinuki("run", talk("talk.mp4"), *SHORT, "-o", out, env=env).code == 0
        with open(os.path.join(out, "result.json"), encoding="utf-8") as result:
            assert json.load(result)["timeline_reused"] == reused


@case
def output_that_is_lost():
    for arguments in ["--help"], ["run", "--help"], ["version"], ["doctor", "--json"], \
            ["analyze", "--json", "-q", talk("talk.mp4")]:
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([os.path.abspath(PROGRAM), *arguments], stdout=full, cwd=HOME,
                                  env=environment(), stderr=subprocess.PIPE, check=False)
        assert done.returncode == FAILED, (arguments, done)
        assert done.stderr.decode().strip() == \
            f"kirinuki: cannot write to standard output: {os.strerror(errno.ENOSPC)}", (arguments,
                                                                                      done)


@case
def files_of_limited_size():
    """Large enough for the queue and small pictures, too small for a clip."""
    limit = 400000
    out = os.path.join(HOME, "limited")
    done = subprocess.run(
        [os.path.abspath(PROGRAM), "run", talk("talk.mp4"), *SHORT, "-o", out], cwd=HOME,
        env=environment(), capture_output=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert done.returncode == FAILED, done
    assert b"File too large" in done.stderr, done
    assert not leftovers(out), leftovers(out)


def last_event(*arguments, code=FAILED):
    outcome = kirinuki(*arguments)
    assert outcome.code == code, outcome
    event = json.loads(outcome.out.splitlines()[-1])
    assert event["event"] == "error" and event["message"] in outcome.err, outcome
    return event


@case
def programs_are_told_the_reason():
    for command in "run", "analyze", "segments":
        event = last_event(command, "--json", "nowhere.mp4")
        assert (event["video"], event["status"]) == ("nowhere.mp4", "NOT_FOUND"), event
        event = last_event(command, "nowhere.mp4", "--json", "--clisp", "3", code=USAGE)
        assert (event["video"], event["status"]) == (None, "INVALID"), event
    event = last_event("run", "--json", code=USAGE)
    assert "needs a video" in event["message"], event


@case
def a_timeline_of_somebody_elses_does_not_reach_the_terminal():
    hostile = "\x1b[2J\x9b2J"
    words = [{"start_us": i * 500000, "end_us": i * 500000 + 400000, "text": text + hostile, "confidence": 1,
              "speaker": -1, "starts_utterance": text == "Why"}
             for i, text in enumerate("Why do people sleep at night? Nobody knows the whole answer. Never.".split() * 3)]
    path = os.path.join(folder("videos"), "hostile.json")
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"kirinuki_timeline": 1, "words": words, "notes": [{"text": "A note" + hostile}]}, out)
    outcome = kirinuki("segments", path, "--length", "5-10")
    assert outcome.code == 0 and "note: A note" in outcome.out and "sleep" in outcome.out, outcome
    assert "\x1b" not in outcome.out and "\x9b" not in outcome.out, outcome


@case
def folder_for_names_that_are_hard():
    made = folder("hard-names")
    for name, clips in [("..mp4", "video-clips"), (".hidden.mp4", "hidden-clips"),
                        ("é" * 125 + ".mp4", "é" * 124 + "-clips")]:
        shutil.copy(talk("talk.mp4"), os.path.join(made, name))
        outcome = kirinuki("run", name, *SHORT, cwd=made)
        assert outcome.code == 0, outcome
        assert outcome.out.startswith(clips + "/"), outcome


@case
def configuration_that_is_a_pipe():
    pipe = os.path.join(folder("made"), "pipe")
    os.mkfifo(pipe)
    refuse(r"pipe is not a regular file", "x.mp4", "--config", pipe, code=USAGE, timeout=60)


@case
def language_that_is_none():
    refuse(r"--language takes a code such as", "x.mp4", "--language", 'xx"{}', code=USAGE)


@case
def broken_configuration():
    config = os.path.join(folder("made"), "broken.conf")
    with open(config, "w", encoding="ascii") as out:
        out.write("clips = 4\nclisp = 5\n")
    refuse(r"broken\.conf:2: unknown option clisp", "x.mp4", "--config", config, code=USAGE)


@case
def broken_environment():
    refuse(r"KIRINUKI_CRF", "x.mp4", env=environment(KIRINUKI_CRF="high"), code=USAGE)


@case
def unknown_command():
    expect_complaint(kirinuki("rnu", "x.mp4"), USAGE, r"did you mean run\?")


main()
