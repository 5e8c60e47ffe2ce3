#!/usr/bin/env bash
# picture.sh [OUT.png]: the README's picture: the top of the sample talk's report as Chromium shows
# it. Needs chromium; the sample talk and its clips are made when they are not there.
. "$(dirname "$0")/lib.sh"

out=${1:-docs/images/report.png}
chromium=$(command -v chromium || command -v chromium-browser) || die 'picture.sh needs chromium'
scripts/run.sh --quiet >/dev/null
mkdir -p "$(dirname "$out")"
"$chromium" --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1400,900 \
    --virtual-time-budget=4000 --screenshot="$out" \
    "file://$PWD/build/sample/talk-clips/report.html" 2>/dev/null
say "made $out"
