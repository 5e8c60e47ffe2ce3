#!/usr/bin/env bash
# sample-talk.sh OUT.mp4: speaks and draws the sample talk of sample-talk.txt, about 90 s, with
# nothing but ffmpeg. Beside it, OUT.tsv is its transcript, and OUT.truth.tsv the truth for tests:
# when each topic, picture and sentence really begins and ends, to the sample and to the frame.
#
# Every sentence is synthesised alone and trimmed to its sound, so that its times are known; sound
# is counted in samples and pictures in frames, and neither ever drifts. The same ffmpeg gives the
# same file.
. "$(dirname "$0")/lib.sh"

out=${1:?usage: sample-talk.sh OUT.mp4}
# Of the voices that Debian has (flite, espeak-ng), this one is recognised best by far: 3 words in
# 100 are wrong. (atempo=1 lays its frames anew, without which it is 4.)
voice=rms
rate=16000 fps=30
lead_ms=800 pause_ms=420 topic_ms=1100 tail_ms=1200

mkdir -p "$(dirname "$out")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
say 'making the sample talk (about half a minute)'

silence() { head -c $(($1 * rate * 2 / 1000)) /dev/zero; } # MS
speak() {                                                  # TEXT: trimmed speech on stdout
    printf '%s' "$1" >"$work/sentence"
    local trim='silenceremove=start_periods=1:start_threshold=-50dB'
    ffmpeg -nostdin -v error -f lavfi -i "flite=textfile=$work/sentence:voice=$voice" \
        -af "atempo=1,$trim,areverse,$trim,areverse" -f s16le -ar $rate -ac 1 -
}

samples() { echo $(($(stat -c %s "$work/talk.raw") / 2)); }
seconds() { awk -v n="$1" -v d="$2" 'BEGIN { printf "%.6f", n / d }'; }

# Sound first: it decides when the pictures change.
: >"$work/rows"
silence $lead_ms >"$work/talk.raw"
gap_ms=0 shots=() texts=() starts=()
while IFS= read -r line; do
    case $line in
    '= '*)
        [ ${#shots[@]} = 0 ] || gap_ms=$((gap_ms + topic_ms - pause_ms))
        topic=${line#= }
        ;;
    '* '*)
        read -r _ kind text <<<"$line"
        shots+=("$kind") texts+=("$text") starts+=(next)
        ;;
    '~'*) gap_ms=$((gap_ms + ${line#\~})) ;;
    *)
        silence $gap_ms >>"$work/talk.raw"
        start=$(samples)
        last=$((${#starts[@]} - 1))
        if [ "${starts[$last]}" = next ]; then
            # A picture begins with its sentence, 200 ms ahead, on a frame.
            frame=$(((start - rate / 5) * fps / rate))
            [ $last -gt 0 ] || frame=0
            starts[last]=$frame
        fi
        if [ -n "${topic-}" ]; then
            printf 'topic\t%d\t%s\n' "${starts[$last]}" "$topic" >>"$work/rows"
            topic=
        fi
        speak "$line" >>"$work/talk.raw"
        printf 'sentence\t%d\t%d\t%s\n' "$start" "$(samples)" "$line" >>"$work/rows"
        silence $pause_ms >>"$work/talk.raw"
        gap_ms=0
        ;;
    esac
done < <(read_list scripts/sample-talk.txt)
silence $tail_ms >>"$work/talk.raw"
total=$(($(samples) * fps / rate))
starts+=("$total")

# write TEXT FILE: a line of a picture, in a file so that no character needs escaping.
font='font=DejaVu Sans:fontcolor=white'
label() { # FILE SIZE Y [ENABLE]
    local enable=${4:+":enable='$4'"}
    printf ',drawtext=%s:textfile=%s:fontsize=%s:x=(w-tw)/2:y=%s:expansion=none%s' \
        "$font" "$1" "$2" "$3" "$enable"
}

picture() { # NUMBER KIND TEXT FRAMES: a filter chain
    local number=$1 kind=$2 text=$3 frames=$4 d lines i
    d=$(seconds "$frames" $fps)
    # Small drawings at half the rate, enlarged: a formula for every pixel is slow.
    local small
    small="color=black:s=320x180:r=15:d=$(seconds $((frames + fps)) $fps),format=yuv444p,geq"
    local large="fps=$fps,scale=1280:720:flags=bicubic"
    case $kind in
    title)
        local hues=(0x14213d:0x5f0f40 0x0b3954:0x087e8b 0x3d2b56:0xb24c63 0x1b4332:0x74a57f 0x283618:0xbc6c25)
        local pair=${hues[$((number % ${#hues[@]}))]}
        printf '%s' "$text" >"$work/text$number"
        printf 'gradients=s=1280x720:r=%s:d=%s:c0=%s:c1=%s:x0=0:y0=0:x1=1280:y1=720:speed=0.02:seed=%s' \
            $fps "$d" "${pair%:*}" "${pair#*:}" "$number"
        label "$work/text$number" 84 '(h-th)/2'
        ;;
    slide)
        IFS='|' read -ra lines <<<"$text"
        printf 'color=0xf4f1de:s=1280x720:r=%s:d=%s,drawbox=x=0:y=0:w=iw:h=150:color=0x3d405b:t=fill' $fps "$d"
        for i in "${!lines[@]}"; do
            printf '%s' "${lines[$i]}" >"$work/text$number.$i"
            if [ "$i" = 0 ]; then
                label "$work/text$number.0" 60 '45'
            else
                label "$work/text$number.$i" 52 "$((120 + 130 * i))" "gte(t,$i)" |
                    sed 's/fontcolor=white/fontcolor=0x3d405b/'
            fi
        done
        ;;
    cells)
        printf "%s=lum='128+80*sin(hypot(X-160-60*sin(T),Y-90)/(9+3*sin(T/2)))*cos(X/17+T)*sin(Y/13)':cb=150:cr='120+40*sin(X/50+T)',%s" "$small" "$large"
        ;;
    bridge)
        printf "%s=lum='if(lt(abs(Y-110-9*sin(X/38+T*2.4)*sin(T)),3.2)+lt(mod(X+4*sin(T),40),1.6)*lt(abs(Y-80),36),235,60+Y/3+10*sin(X/15+Y/9-T*3)*gt(Y,125))':cb='148-Y/9':cr=116,%s" "$small" "$large"
        ;;
    flowers)
        printf "%s=lum='110+60*cos(6*atan2(Y-90,X-160)+T)*exp(-hypot(X-160,Y-90)/70)+50*gt(12,hypot(X-160-90*sin(T*1.3),Y-90-40*sin(T*2.6)))':cb='100-40*exp(-hypot(X-160,Y-90)/60)':cr='130+50*exp(-hypot(X-160,Y-90)/60)',%s" "$small" "$large"
        ;;
    sky)
        printf "%s=lum='min(235,25+Y/2+(120+60*sin(T*2+X))*gt(mod(abs(sin(floor(X/2)*12.99+floor(Y/2)*78.23)*43758.5),1),0.994))':cb='160-Y/8':cr='118+Y/9',%s" "$small" "$large"
        ;;
    *) die "sample-talk.txt: unknown picture $kind" ;;
    esac
    printf ',trim=end_frame=%s,setsar=1,format=yuv420p[v%s]' "$frames" "$number"
}

graph='' joined=''
for i in "${!shots[@]}"; do
    graph+="$(picture "$i" "${shots[$i]}" "${texts[$i]}" $((starts[i + 1] - starts[i])));"
    joined+="[v$i]"
    printf 'picture\t%d\t%d\t%s\n' "${starts[$i]}" "${starts[$((i + 1))]}" "${shots[$i]}" >>"$work/rows"
done
graph+="${joined}concat=n=${#shots[@]}:v=1:a=0[v]"

ffmpeg -nostdin -v error -y -f s16le -ar $rate -ac 1 -i "$work/talk.raw" -filter_complex "$graph" \
    -map '[v]' -map 0:a -c:v libx264 -preset ultrafast -crf 19 -g 150 -threads 2 -pix_fmt yuv420p \
    -c:a aac -b:a 128k -ar 48000 -ac 2 -metadata title='The night shift, and other stories' \
    -bitexact -movflags +faststart -f mp4 "$work/talk.mp4"

{
    printf 'kind\tstart\tend\ttext\n'
    awk -F '\t' -v OFS='\t' -v rate=$rate -v fps=$fps '
        $1 == "topic" { print $1, sprintf("%.3f", $2 / fps), "", $3 }
        $1 == "picture" { print $1, sprintf("%.3f", $2 / fps), sprintf("%.3f", $3 / fps), $4 }
        $1 == "sentence" { print $1, sprintf("%.3f", $2 / rate), sprintf("%.3f", $3 / rate), $4 }
    ' "$work/rows" | sort -s -t "$(printf '\t')" -k 2,2n
} >"$work/truth.tsv"
awk -F '\t' -v OFS='\t' 'NR == 1 || $1 == "sentence" { print $2, $3, $4 }' \
    "$work/truth.tsv" >"$work/talk.tsv"
mv -f "$work/talk.mp4" "$out"
mv -f "$work/talk.tsv" "${out%.*}.tsv"
mv -f "$work/truth.tsv" "${out%.*}.truth.tsv" # last: where it is, everything is
