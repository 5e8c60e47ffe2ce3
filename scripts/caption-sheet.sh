#!/usr/bin/env bash
# caption-sheet.sh OUT.jpg: the caption styles over a bright, a dark and a busy picture, for docs and
# for eyes. Needs a built tree (build/) and ffmpeg.
. "$(dirname "$0")/lib.sh"

out=${1:?usage: caption-sheet.sh OUT.jpg}
draw=build/tests/support/draw_captions
[ -x "$draw" ] || die "there is no $draw: build first"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

inputs=() crops='' rows='' columns='' n=0
for style in default bold karaoke minimal box; do
    for ground in bright dark busy; do
        "$draw" "$style" 9:16 en 4.95 "$ground" >"$folder/$n.ppm" 2>/dev/null
        inputs+=(-i "$folder/$n.ppm")
        crops+="[$n]crop=1080:420:0:1090,scale=480:-1:flags=lanczos[p$n];"
        columns+="[p$n]"
        n=$((n + 1))
    done
    crops+="${columns}hstack=inputs=3[r$style];"
    rows+="[r$style]"
    columns=''
done
ffmpeg -nostdin -y -v error "${inputs[@]}" -filter_complex "$crops${rows}vstack=inputs=5" -q:v 4 "$out"
