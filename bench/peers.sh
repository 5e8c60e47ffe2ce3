#!/usr/bin/env bash
# peers.sh: the queues and batches of others (graphile-worker, pg-boss, BullMQ; pg and postgres.js)
# beside ours, in one run on one machine and against the same servers. Their harness lies in
# ../shared/bench/peers; it installs them by its own means.
#
# BENCH_RUNS    runs of each queue (1); medians are shown
# BENCH_JOBS    jobs a run (20000)
# BENCH_PEERS   which queues; all of them if not given
. scripts/lib.sh

harness=../shared/bench/peers
skip() {
    echo "skipped: $*"
    exit 0
}
[ -f $harness/setup.sh ] || skip "$harness is not here"
command -v node >/dev/null || skip 'there is no node'
# Root's server runs as the user postgres, who has no way into root's home.
[ "$(id -u)" != 0 ] || export KB="${KB:-/var/tmp/kirinuki-bench}"
# shellcheck source=/dev/null
. $harness/env.sh
[ -x "$KB_PGBIN/postgres" ] || skip "there is no PostgreSQL in $KB_PGBIN"

# A database of its own, made anew: what an older kirinuki left must not be found there.
ours=${PGURL%/*}/kirinuki

# The harness is not ours to change: a copy of it has one line more, for our queue.
mine=$PWD/build/bench/peers
queue=$PWD/build/bench/bench_queue
rm -rf "$mine"
mkdir -p "$mine"
cp -r $harness/. "$mine"
chmod -R u+w "$mine"
results=$mine/queues.jsonl
sed -i "s|^    # 'kirinuki-pg': .*|    'kirinuki-pg': ('pg', ['env', 'PGURL=$ours', '$queue', 'pg']), 'kirinuki-sqlite': ('none', ['$queue', 'sqlite']),|" \
    "$mine/queues/run_queues.py"
grep -q kirinuki-sqlite "$mine/queues/run_queues.py" || die 'the harness has another form than expected'

if [ ! -d "$KB/node_modules/graphile-worker" ] || [ ! -x "$KB/floor" ]; then
    echo 'setting up the peers (once)'
    "$mine/setup.sh" >"$mine/setup.log" 2>&1 || {
        tail -n 5 "$mine/setup.log"
        skip 'the peers could not be set up'
    }
fi
[ -x "$KB_NODE" ] || skip "the harness has no $KB_NODE"

proxy=
stop() {
    [ -z "$proxy" ] || kill "$proxy" 2>/dev/null || true
    "$mine/redis.sh" stop >/dev/null 2>&1 || true
    "$mine/pg.sh" stop >/dev/null 2>&1 || true
}
trap stop EXIT
"$mine/pg.sh" start >"$mine/pg.log" || die "the peers' PostgreSQL did not start, see $mine/pg.log"
psql -qX "$PGURL" -c 'DROP DATABASE IF EXISTS kirinuki' -c 'CREATE DATABASE kirinuki' \
    2>"$mine/database.log" || die "a database for our queue could not be made, see $mine/database.log"

all=kirinuki-pg,kirinuki-sqlite,graphile-batched,graphile,pgboss,pgboss-single,bullmq-pg
all=$all,bullmq-everysec,bullmq-always,floor-pg,floor-sqlite-full
command -v redis-server >/dev/null || all=${all//bullmq-everysec,bullmq-always,/}
runs=${BENCH_RUNS:-1}
echo 'queues (quiet moments are waited for)'
KN_BENCH_SQLITE=$mine/queue.db python3 "$mine/queues/run_queues.py" --runs "$runs" --rounds "$runs" \
    --wait "${BENCH_WAIT:-15}" --n "${BENCH_JOBS:-20000}" --peers "${BENCH_PEERS:-$all}" \
    --out "$results" >"$mine/queues.log" 2>&1 || {
    tail -n 5 "$mine/queues.log"
    die 'the comparison of queues failed'
}
echo 'batches'
[ -x "$KB/delayproxy" ] || cc -O2 -pthread -o "$KB/delayproxy" "$mine/pgbatch/delayproxy.c"
"$KB/delayproxy" "$KB_DELAYPORT" "$KB_PGPORT" 2500 & # 5 ms there and back
proxy=$!
far="postgres://bench:bench@127.0.0.1:$KB_DELAYPORT/bench"
batches=$mine/pgbatch.jsonl
build/bench/peer_batch tables
for _ in $(seq 1 $((runs > 1 ? runs : 2))); do
    LABEL=loopback build/bench/peer_batch 15
    LABEL=loopback "$KB_NODE" "$mine/pgbatch/nodebatch.js" 5
    LABEL='+5 ms' PGURL=$far build/bench/peer_batch 15
    env LABEL='+5 ms' ADMURL="$PGURL" PGURL="$far" "$KB_NODE" "$mine/pgbatch/nodebatch.js" 3
done >>"$batches"
python3 bench/peers_table.py "$results" "$batches"
