# Reads names of source files on stdin and checks what they include.
#
#   base <- model, run <- the middle folders <- pipeline <- service, cli
#
# Middle folders ignore each other, so that each can be read, tested and replaced alone; the
# exceptions are in the table. What joins several of them is the pipeline's business.
# Only src/media reaches FFmpeg: its types and versions stay in one folder. The exception is the file
# by which the sandbox looks into uploads: it checks src/media's work, and must not share its mistakes.
# Public headers include only each other and the C library, or they could not be installed.
# src/analyze is pure: no clocks, files or parallel work, so that the same input gives the same ranking.

BEGIN {
    low = " base model run "
    may["base"] = " base "
    may["model"] = " base model "
    may["run"] = " base run "
    may["media"] = low "media "
    may["ai"] = low "ai media net "
    may["analyze"] = " base model analyze "
    may["clip"] = low "clip media "
    may["net"] = low "net "
    may["store"] = low "store "
    may["queue"] = low "queue store "
    may["platform"] = low "platform net "
    may["sandbox"] = " base net sandbox "
    middle = "media ai analyze clip net store queue platform "
    may["pipeline"] = low middle "pipeline "
    may["service"] = low middle "pipeline service "
    may["cli"] = low middle "pipeline service sandbox cli "
    public_base = " status.h arena.h "
}

{ files[++count] = $0 }

END {
    for (i = 1; i <= count; i++)
        read_file(files[i])
    # Whatever a header of src/media drags in counts for whoever includes it.
    for (changed = 1; changed;) {
        changed = 0
        for (file in included)
            if (!(file in ffmpeg)) {
                parts_count = split(included[file], parts, " ")
                for (j = 1; j <= parts_count; j++)
                    if (("src/" parts[j]) in ffmpeg) {
                        ffmpeg[file] = "through " parts[j]
                        changed = 1
                        break
                    }
            }
    }
    for (file in ffmpeg)
        if (file ~ /^src\// && file !~ /^src\/media\// && file != "src/sandbox/platforms/facts.c")
            complain(file, "reaches FFmpeg " ffmpeg[file] "; only src/media may")
    exit bad
}

function complain(where, what) {
    print where ": " what
    bad = 1
}

function read_file(file,    line, number, name, system_header) {
    number = 0
    while ((getline line < file) > 0) {
        number++
        if (line !~ /^[ \t]*#[ \t]*include[ \t]/)
            continue
        name = line
        sub(/^[^<"]*[<"]/, "", name)
        sub(/[>"].*$/, "", name)
        system_header = line ~ /</
        if (system_header && name ~ /^lib(av|sw|postproc)/)
            ffmpeg[file] = "directly"
        else if (!system_header)
            included[file] = included[file] " " name
        judge(file, file ":" number, name, system_header)
    }
    close(file)
}

function judge(file, where, name, system_header,    from, to) {
    if (file ~ /^include\//) {
        if (!system_header || (name ~ /\// && name !~ /^(kirinuki|sys)\//))
            complain(where, "a public header may not include " name)
        return
    }
    if (file !~ /^src\//)
        return
    from = file
    sub(/^src\//, "", from)
    sub(/\/.*$/, "", from)
    if (!(from in may)) {
        complain(where, "scripts/layers.awk does not know the folder src/" from)
        return
    }
    if (system_header) {
        if (from == "base" && name ~ /^kirinuki\// &&
            index(public_base, " " substr(name, 10) " ") == 0)
            complain(where, "src/base may not include <" name ">")
        if (from == "analyze" && name ~ /^(time|unistd|fcntl|dirent|threads|sys\/.*|kirinuki\/(cancel|plan|group|executor|channel|limiter|progress))\.h$/)
            complain(where, "src/analyze is pure and may not include <" name ">")
        return
    }
    to = name
    if (to !~ /\//) {
        complain(where, "write \"" from "/" name "\": includes are relative to src")
        return
    }
    sub(/\/.*$/, "", to)
    if (index(may[from], " " to " ") == 0)
        complain(where, "src/" from " may not include src/" to)
}
