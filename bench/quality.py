#!/usr/bin/env python3
"""quality.py: is what is chosen what people would choose?

Runs `kirinuki segments` over the annotated transcripts in ../shared/corpus/exams and scores it with
the scorer that lies beside them, against its simple rivals:

  clips    five of 15 to 45 s for each meeting. lift: how much more of their words people found
           important than chance would give; hit: clips with at least twice the chance's share;
           clean: edges outside of everybody's utterances.
  topics   Pk and WindowDiff (errors: less is better) and F1 where 15 s off still counts, at the
           coarse level against the coarse annotation and at the fine one against both levels.
           TextTiling is told how many topics there are (K known) or finds it out (cut-off).

Name folders to score others: bench/quality.py FOLDER…
"""
import collections
import contextlib
import glob
import importlib.util
import io
import os
import subprocess
import sys

PROGRAM = os.environ.get("KIRINUKI", "build/kirinuki")
EXAMS = os.path.join("..", "shared", "corpus", "exams")


def load_scorer():
    path = os.path.join(EXAMS, "score.py")
    if not os.path.exists(path):
        sys.exit("quality: skipped, the annotated transcripts (%s) are not here" % EXAMS)
    spec = importlib.util.spec_from_file_location("score", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def segments(path, *options):
    done = subprocess.run([PROGRAM, "segments", path, *options], capture_output=True, text=True)
    if done.returncode:
        sys.exit("quality: %s: %s" % (path, done.stderr.strip()))
    return done.stdout


def mean(rows):
    return [sum(column) / len(column) for column in zip(*rows)]


def transcripts(folder):
    """The stem of each exam and what is fed to the program: words where there are some."""
    for utts in sorted(glob.glob(os.path.join(folder, "*.utts.tsv"))):
        stem = utts[: -len(".utts.tsv")]
        words = stem + ".words.tsv"
        yield stem, words if os.path.exists(words) else utts


def score_clips(score, folder):
    rows = []
    for stem, path in transcripts(folder):
        said = score.utts(stem + ".utts.tsv")
        if not any(u["important"] for u in said):
            continue
        lines = segments(path, "--length", "15-45", "--clips", "5", "--tsv").splitlines()[1:]
        clips = [tuple(float(x) for x in line.split("\t")[:2]) for line in lines]
        s = score.hl_score(said, clips)
        rows.append([s["lift"], s["hit"], s["recall"], s["clean_edges"]])
    return rows


def score_topics(score, folder, detail, depth):
    rows = []
    for stem, path in transcripts(folder):
        said = score.utts(stem + ".utts.tsv")
        wanted = score.top(stem + ".topics.tsv", 1)
        if depth == 2:
            wanted = sorted(set(wanted + score.top(stem + ".topics.tsv", 2)))
        if not score.to_idx(said, wanted):
            continue
        given = segments(path, "--boundaries", "--topics", detail).split()
        rows.append(score.seg_score(said, wanted, [float(x) for x in given]))
    return rows


def rivals(score, folder):
    """The scorer's own baselines, taken from what it prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        score.base(folder)
    topics, clips = collections.defaultdict(list), []
    for line in out.getvalue().splitlines():
        if line.startswith("seg "):
            depth, rest = line[len("seg depth<="):].split(" ", 1)
            name, numbers = rest.split(" n=")
            values = numbers.split()
            topics[int(depth)].append((name.strip(), [float(values[i]) for i in (2, 4, 6)]))
        elif line.startswith("hl "):
            words = line.split()
            values = dict(zip(words[4::2], words[5::2]))
            clips.append((words[2], [float(values[k])
                                     for k in ("lift", "hit", "recall", "clean_edges")]))
    return topics, clips


def print_row(name, values, ours=False):
    print("  %s%-24s" % ("*" if ours else " ", name) + "".join("%9.3f" % v for v in values))


def main():
    score = load_scorer()
    folders = sys.argv[1:] or [os.path.join(EXAMS, "ami_dev"), os.path.join(EXAMS, "tinyrec_dev")]
    for folder in folders:
        topics, clips = rivals(score, folder)
        rows = score_clips(score, folder)
        name = os.path.basename(os.path.normpath(folder))
        if rows:
            print("\n%s: the best five of %d meetings" % (name, len(rows)))
            print("   %-24s%9s%9s%9s%9s" % ("", "lift", "hit", "recall", "clean"))
            for rival, values in clips:
                print_row(rival, values)
            print_row("kirinuki", mean(rows), ours=True)
        for detail, depth in (("coarse", 1), ("fine", 2)):
            rows = score_topics(score, folder, detail, depth)
            if not rows:
                continue
            print("\n%s: %s topics of %d transcripts" % (name, detail, len(rows)))
            print("   %-24s%9s%9s%9s" % ("", "Pk", "WD", "F1@15s"))
            for rival, values in topics[depth]:
                print_row(rival, values)
            print_row("kirinuki", mean(rows), ours=True)


main()
