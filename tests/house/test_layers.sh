#!/usr/bin/env bash
. "$(dirname "$0")/tap.sh"

# plant FILE LINE...: a source file with these lines.
plant() {
    mkdir -p "$(dirname "$1")"
    printf '%s\n' "${@:2}" >"$1"
}
judge() {
    mkdir -p src include
    find src include -name '*.[ch]' | sort | awk -f "$ROOT/scripts/layers.awk"
}
refuses() { # PART: the rule complains, and says so
    local said
    if said=$(judge); then
        fail "nothing was said about $1"
    fi
    expect_in "$said" "$1"
}

test_the_project_keeps_its_layers() {
    cd "$ROOT"
    judge
}
test_base_knows_no_model() {
    plant src/base/x.c '#include "model/segment.h"'
    refuses 'src/base/x.c:1: src/base may not include src/model'
}
test_base_knows_no_plans() {
    plant src/base/x.c '#include <kirinuki/plan.h>'
    refuses 'src/base may not include <kirinuki/plan.h>'
}
test_middle_folders_ignore_each_other() {
    plant src/analyze/x.c '' '#include "media/probe.h"'
    refuses 'src/analyze/x.c:2: src/analyze may not include src/media'
}
test_clip_may_use_media() {
    plant src/clip/x.c '#include "media/probe.h"'
    judge
}
test_media_may_not_use_clip() {
    plant src/media/x.c '#include "clip/render.h"'
    refuses 'src/media may not include src/clip'
}
test_the_pipeline_knows_no_command_line() {
    plant src/pipeline/x.c '#include "cli/commands.h"'
    refuses 'src/pipeline may not include src/cli'
}
test_ffmpeg_stays_in_media() {
    plant src/clip/x.c '#  include <libavutil/frame.h>'
    refuses 'src/clip/x.c: reaches FFmpeg directly'
}
test_ffmpeg_does_not_come_through_a_header() {
    plant src/media/inner.h '#include <libavcodec/avcodec.h>'
    plant src/media/outer.h '#include "media/inner.h"'
    plant src/pipeline/x.c '#include "media/outer.h"'
    refuses 'src/pipeline/x.c: reaches FFmpeg through media/outer.h'
}
test_public_headers_stand_alone() {
    plant include/kirinuki/x.h '#include "base/str.h"'
    refuses 'a public header may not include base/str.h'
}
test_analyze_is_pure() {
    plant src/analyze/x.c '#include <time.h>'
    refuses 'src/analyze is pure'
}
test_an_unknown_folder_is_noticed() {
    plant src/misc/x.c '#include <stdio.h>'
    refuses 'does not know the folder src/misc'
}

run_tests
