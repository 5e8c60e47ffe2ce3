#!/bin/sh
# embed-schema.sh FOLDER C_FILE DEPFILE: the SQL texts of FOLDER/sqlite and FOLDER/postgres, as lists
# of migrations in C (src/store/migrate.h). The depfile names what was read and the folders
# themselves, so that a new text is noticed.
set -eu
export LC_ALL=C
folder=$1 output=$2 depfile=$3

# list KIND: its texts in order. 0001_jobs.sql is number 1, "jobs".
list() {
    number=0
    printf 'static const struct kn_migration %s[] = {\n' "$1"
    for file in "$folder/$1"/[0-9]*.sql; do
        [ -f "$file" ] || continue
        number=$((number + 1))
        base=$(basename "$file" .sql)
        if [ "$(printf '%04d' $number)" != "${base%%_*}" ]; then
            echo "$file: number $number is missing before it" >&2
            return 1
        fi
        printf '    {.number = %d, .name = "%s", .sql = ""\n' $number "${base#*_}"
        sed 's/\\/\\\\/g; s/"/\\"/g; s/^/        "/; s/$/\\n"/' "$file"
        printf '    },\n'
        printf '%s ' "$file" >>"$depfile"
    done
    printf '    {0},\n};\n'
    [ ! -d "$folder/$1" ] || printf '%s ' "$folder/$1" >>"$depfile"
}

printf '%s: %s ' "$output" "$folder" >"$depfile"
{
    printf '#include "store/migrate.h"\n\n#include "base/memory.h"\n\n'
    list sqlite
    list postgres
    cat <<'END'

const struct kn_migration *kn_schema(enum kn_database_kind kind, int *ret_count)
{
    if (kind == KN_DATABASE_SQLITE) {
        *ret_count = (int)KN_COUNT_OF(sqlite) - 1;
        return sqlite;
    }
    *ret_count = (int)KN_COUNT_OF(postgres) - 1;
    return postgres;
}
END
} >"$output"
echo >>"$depfile"
