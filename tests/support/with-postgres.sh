#!/usr/bin/env bash
# with-postgres.sh PROGRAM ARGUMENT...: runs PROGRAM beside a PostgreSQL server of its own, which is
# made in a temporary folder, listens on a Unix socket there and on loopback, and is stopped and
# removed with all it had. Ends with 77 where PostgreSQL is not installed.
#
# KN_TEST_POSTGRES       connection string over the socket, with no password asked for
# KN_TEST_POSTGRES_TCP   the same over loopback, with a password (scram)
# KN_TEST_POSTGRES_CONTROL   a program: "stop fast", "stop immediate" and "start" do so to the server
set -euo pipefail
export LC_ALL=C

bin=$(for found in "$(command -v initdb || true)" /usr/lib/postgresql/*/bin/initdb; do
    [ ! -x "$found" ] || echo "$found"
done | sort -V | tail -n 1)
bin=${bin%/initdb}
if [ -z "$bin" ]; then
    echo "1..0 # SKIP PostgreSQL's server is not installed (Debian: apt-get install postgresql)"
    exit 77
fi

folder=$(mktemp -d)
as=()
if [ "$(id -u)" = 0 ]; then # which the server refuses to run as
    as=(setpriv --reuid=postgres --regid=postgres --clear-groups --inh-caps=-all)
    chown postgres: "$folder"
fi
program=
finish() {
    trap '' TERM INT HUP
    [ -z "$program" ] || kill "$program" 2>/dev/null || true
    if [ -f "$folder/data/postmaster.pid" ]; then
        (cd / && "${as[@]}" "$bin/pg_ctl" -D "$folder/data" -m immediate -w -t 30 stop) >/dev/null 2>&1 ||
            kill -QUIT "$(head -n 1 "$folder/data/postmaster.pid")" 2>/dev/null || true
    fi
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 143' TERM INT HUP

password=secret-4711
echo "$password" >"$folder/password"
chmod a+r "$folder/password"
server() { (cd / && "${as[@]}" "$@") >>"$folder.log" 2>&1 </dev/null; }
explain() {
    tail -n 30 "$folder.log" >&2
    rm -f "$folder.log"
    echo "$1" >&2
    exit 1
}
server timeout 120 "$bin/initdb" -D "$folder/data" -U kirinuki -E UTF8 --no-locale --no-sync \
    --auth-local=trust --auth-host=scram-sha-256 --pwfile="$folder/password" ||
    explain "the server's folder could not be made"
cat >>"$folder/data/postgresql.conf" <<END
unix_socket_directories = '$folder'
listen_addresses = '127.0.0.1'
max_connections = 60
shared_buffers = 64MB
logging_collector = off
END

# Somebody else may have the port: another one, then.
started=false
for _ in 1 2 3 4 5; do
    port=$((20000 + (RANDOM << 1 | RANDOM & 1) % 12000))
    if server "$bin/pg_ctl" -D "$folder/data" -l "$folder/data/server.log" -o "-p $port" -w -t 60 start; then
        started=true
        break
    fi
done
$started || { cat "$folder/data/server.log" >&2; explain 'the server did not start'; }
rm -f "$folder.log"

cat >"$folder/control" <<END
#!/usr/bin/env bash
cd /
case \$1 in
stop) exec ${as[*]} "$bin/pg_ctl" -D "$folder/data" -m "\$2" -w -t 60 stop ;;
start) exec ${as[*]} "$bin/pg_ctl" -D "$folder/data" -l "$folder/data/server.log" -o "-p $port" -w -t 60 start ;;
esac
END
chmod +x "$folder/control"
export KN_TEST_POSTGRES_CONTROL="$folder/control"
export KN_TEST_POSTGRES="postgresql://kirinuki@/postgres?host=$folder&port=$port"
export KN_TEST_POSTGRES_TCP="postgresql://kirinuki:$password@127.0.0.1:$port/postgres"
"$@" <&0 &
program=$!
code=0
wait "$program" || code=$?
program=
exit $code
