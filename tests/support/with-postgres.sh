#!/usr/bin/env bash
# with-postgres.sh [--tls|--pooler] PROGRAM ARGUMENT...: runs PROGRAM beside a PostgreSQL server of its
# own, which is made in a temporary folder, listens on a Unix socket there and on loopback, and is
# stopped and removed with all it had. Ends with 77 where PostgreSQL is not installed.
#
# KN_TEST_POSTGRES       connection string over the socket, with no password asked for
# KN_TEST_POSTGRES_TCP   the same over loopback, with a password (scram)
# KN_TEST_POSTGRES_CONTROL   a program: "stop fast", "stop immediate" and "start" do so to the server
#
# With --tls, the server has a certificate of its own for "localhost", and KN_TEST_POSTGRES asks for
# it (verify-full): KN_TEST_ROOT is it, KN_TEST_OTHER_ROOT one that did not sign it. With --pooler,
# KN_TEST_POSTGRES leads through a PgBouncer that hands each transaction to another connection.
set -euo pipefail
export LC_ALL=C

skip() {
    echo "1..0 # SKIP $1"
    exit 77
}
tls=false pooler=false
case ${1-} in
--tls) tls=true && shift ;;
--pooler) pooler=true && shift ;;
esac
$tls && [ -z "$(command -v openssl)" ] && skip 'openssl is not installed, which makes certificates'
$pooler && [ -z "$(command -v pgbouncer)" ] && skip 'PgBouncer is not installed (Debian: pgbouncer)'

bin=$(for found in "$(command -v initdb || true)" /usr/lib/postgresql/*/bin/initdb; do
    [ ! -x "$found" ] || echo "$found"
done | sort -V | tail -n 1)
bin=${bin%/initdb}
[ -n "$bin" ] || skip "PostgreSQL's server is not installed (Debian: apt-get install postgresql)"

folder=$(mktemp -d)
as=()
if [ "$(id -u)" = 0 ]; then # which the server refuses to run as
    as=(setpriv --reuid=postgres --regid=postgres --clear-groups --inh-caps=-all)
    chown postgres: "$folder"
fi
program='' bouncer=''
finish() {
    trap '' TERM INT HUP
    [ -z "$program" ] || kill "$program" 2>/dev/null || true
    [ -z "$bouncer" ] || kill "$bouncer" 2>/dev/null || true
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
# A server's folder is made once a build and then copied, which takes a tenth of the time.
kept=${KN_BUILD_ROOT:+$KN_BUILD_ROOT/tests/postgres-$("$bin/postgres" --version | tr -dc 0-9.)}
if [ -d "$kept" ] && cp -r "$kept" "$folder/data" 2>/dev/null; then
    [ ${#as[@]} = 0 ] || chown -R postgres: "$folder/data"
    chmod 700 "$folder/data"
else
    rm -rf "$folder/data"
    server timeout 120 "$bin/initdb" -D "$folder/data" -U kirinuki -E UTF8 --no-locale --no-sync \
        --auth-local=trust --auth-host=scram-sha-256 --pwfile="$folder/password" ||
        explain "the server's folder could not be made"
    # Several may make it at a time: the first one's is kept, whole from the beginning.
    if [ -n "$kept" ] && ! { cp -r "$folder/data" "$kept.$$" && mv -T "$kept.$$" "$kept"; } 2>/dev/null; then
        rm -rf "$kept.$$"
    fi
fi
cat >>"$folder/data/postgresql.conf" <<END
unix_socket_directories = '$folder'
listen_addresses = '127.0.0.1'
max_connections = 60
shared_buffers = 64MB
logging_collector = off
END

make_certificate() { # NAME
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -keyout "$folder/$1.key" -out "$folder/$1.crt" \
        >>"$folder.log" 2>&1 || explain 'no certificate could be made'
}
if $tls; then
    make_certificate server
    make_certificate other
    [ ${#as[@]} = 0 ] || chown postgres: "$folder/server.key"
    cat >>"$folder/data/postgresql.conf" <<END
ssl = on
ssl_cert_file = '$folder/server.crt'
ssl_key_file = '$folder/server.key'
END
fi

# Somebody else may have the port: another one, then.
random_port() { port=$((20000 + (RANDOM << 1 | RANDOM & 1) % 12000)); }
started=false
for _ in 1 2 3 4 5; do
    random_port
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
if $tls; then
    export KN_TEST_ROOT=$folder/server.crt KN_TEST_OTHER_ROOT=$folder/other.crt
    KN_TEST_POSTGRES="postgresql://kirinuki:$password@localhost:$port/postgres"
    KN_TEST_POSTGRES+="?sslmode=verify-full&sslrootcert=$KN_TEST_ROOT"
fi

# Round robin: a client hardly ever gets the connection that it had before.
start_bouncer() {
    local server_port=$port
    for _ in 1 2 3 4 5; do
        random_port
        cat >"$folder/pgbouncer.ini" <<END
[databases]
postgres = host=$folder port=$server_port user=kirinuki
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 16
server_round_robin = 1
logfile = $folder/data/pgbouncer.log
END
        (cd / && exec "${as[@]}" pgbouncer -q "$folder/pgbouncer.ini") >/dev/null 2>&1 </dev/null &
        bouncer=$!
        for _ in {1..200}; do
            (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
            kill -0 "$bouncer" 2>/dev/null || break # somebody else may have the port
            sleep 0.05
        done
        kill "$bouncer" 2>/dev/null || true
    done
    cat "$folder/data/pgbouncer.log" >&2
    explain 'PgBouncer did not start'
}
if $pooler; then
    start_bouncer
    KN_TEST_POSTGRES="postgresql://kirinuki@127.0.0.1:$port/postgres"
fi
"$@" <&0 &
program=$!
code=0
wait "$program" || code=$?
program=
exit $code
