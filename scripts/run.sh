#!/usr/bin/env bash
# run.sh [ARGUMENT...]: builds kirinuki and makes clips of the video that the environment variable
# VIDEO names, or of the sample talk. The variable, and no argument, so that any name passes make.
. "$(dirname "$0")/lib.sh"

video=${VIDEO-}
if [ -n "$video" ]; then
    scripts/build.sh
else
    scripts/setup.sh build sample
    scripts/build.sh
    video=build/sample/talk.mp4
    [ -f "${video%.*}.truth.tsv" ] || scripts/sample-talk.sh "$video"
    set -- --output build/sample/talk-clips "$@"
fi
exec build/kirinuki run "$@" -- "$video"
