"""The PostgreSQL server that with-postgres.sh runs beside a test: asked in its own protocol,
stopped and started, and reached through a proxy that loses answers. It trusts whoever comes by its socket.
"""
import os
import re
import socket
import struct
import subprocess
import threading
import time

HERE = os.environ.get("KN_TEST_POSTGRES", "")
FOLDER, PORT = (re.search(r"host=([^&]*)&port=(\d+)", HERE).groups() if HERE else ("", "0"))


def _connect():
    wire = socket.socket(socket.AF_UNIX)
    wire.connect(f"{FOLDER}/.s.PGSQL.{PORT}")
    return wire


def _take(wire, size):
    data = b""
    while len(data) < size:
        more = wire.recv(size - len(data))
        if not more:
            raise ConnectionError("the server hung up")
        data += more
    return data


def _message(wire):
    kind, size = struct.unpack("!cI", _take(wire, 5))
    return kind, _take(wire, size - 4)


def _row(body):
    cells, at = [], 2
    for _ in range(struct.unpack("!H", body[:2])[0]):
        size, = struct.unpack("!i", body[at:at + 4])
        at += 4
        cells.append(None if size < 0 else body[at:at + size].decode())
        at += max(size, 0)
    return cells


def ask(sql, database="postgres"):
    """Rows of texts."""
    rows, complaint = [], None
    with _connect() as wire:
        start = b"\0\3\0\0user\0kirinuki\0database\0" + database.encode() + b"\0\0"
        wire.sendall(struct.pack("!I", len(start) + 4) + start)
        asked = False
        while True:
            kind, body = _message(wire)
            if kind == b"E":
                complaint = body.replace(b"\0", b" ").decode()
            elif kind == b"D":
                rows.append(_row(body))
            if kind == b"E" and not asked:
                break
            if kind == b"Z" and asked:
                break
            if kind == b"Z":
                wire.sendall(b"Q" + struct.pack("!I", len(sql.encode()) + 5) + sql.encode() + b"\0")
                asked = True
    assert not complaint, f"{sql}: {complaint}"
    return rows


def database(name):
    """A new one; returns its connection string. No machine dies here, only processes, so that the
    server need not wait for its disk."""
    ask("ALTER SYSTEM SET fsync = off")
    ask("SELECT pg_reload_conf()")
    ask(f"CREATE DATABASE {name}")
    return HERE.replace("/postgres?", f"/{name}?")


def cut_all(name):
    """Ends every connection to a database; returns how many there were."""
    return len(ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                   f" WHERE datname = '{name}' AND pid <> pg_backend_pid()"))


def control(*arguments):
    """control("stop", "fast") or "immediate"; control("start"). Returns once it is done."""
    subprocess.run([os.environ["KN_TEST_POSTGRES_CONTROL"], *arguments], check=True, timeout=90,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Proxy:
    """Between the program and the server, on loopback. Of the transactions that run a statement
    with `text` in it, it loses the next one: with `done`, the server commits and its answer is dropped;
    without, what would commit is dropped. In both cases the connection breaks, and with `then`,
    something happens before the program comes to know of it. With `late_s`, what commits is passed on
    that long after the connection has broken.
    """

    def __init__(self):
        self.lock = threading.RLock()  # what is called may ask for more
        self.text, self.done, self.then, self.lost = None, True, None, False
        self.late_s = 0
        self.meets, self.hit = b"", None
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    def meet(self, text, hit):
        """Calls `hit` once a statement with `text` in it is on its way to the server."""
        with self.lock:
            self.meets, self.hit = text.encode(), hit

    def met(self, sql):
        with self.lock:
            if self.hit and self.meets in sql:
                hit, self.hit = self.hit, None
                hit()

    def lose(self, text, done=True, then=None, late_s=0):
        with self.lock:
            self.text, self.done, self.then, self.lost = text.encode(), done, then, False
            self.late_s = late_s

    def where(self, name):
        port = self.listener.getsockname()[1]
        return (f"postgresql://kirinuki@127.0.0.1:{port}/{name}?sslmode=disable"
                "&gssencmode=disable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=_Link(self, client).forth, daemon=True).start()

    def matches(self, sql):
        with self.lock:
            return self.text is not None and self.text in sql

    def take(self):
        """Whether this transaction is to be lost, and how: it alone."""
        with self.lock:
            if self.text is None:
                return None
            self.text = None
            return self.done

    def delays(self):
        with self.lock:
            return self.text is not None and self.late_s > 0

    def undoes(self):
        with self.lock:
            return self.text is not None and not self.done

    def broken(self):
        """What was to be lost is; the connection is about to break."""
        if self.then:
            self.then()
        self.lost = True


class _Link:
    def __init__(self, proxy, client):
        self.proxy, self.client, self.server = proxy, client, None
        self.statements, self.hit, self.open, self.deaf = {}, False, False, False
        self.held, self.over = [], threading.Event()  # of a commit that comes late

    def close(self):
        for wire in (self.client, self.server):
            try:
                wire.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def forth(self):
        """From the client to the server."""
        try:
            self.server = _connect()
        except OSError:
            self.client.close()
            return
        try:
            size = _take(self.client, 4)
            self.server.sendall(size + _take(self.client, struct.unpack("!I", size)[0] - 4))
            threading.Thread(target=self._back, daemon=True).start()
            while self._pass(*_message(self.client)):
                pass
        except OSError:
            pass
        self.close()

    def _pass(self, kind, body):
        if self._holds(kind, body):
            return kind != b"S"
        if kind == b"P":
            name, sql = body.split(b"\0", 2)[:2]
            self.statements[name] = sql
        elif kind == b"B":
            sql = self.statements.get(body.split(b"\0", 2)[1], b"")
            self.open = sql == b"BEGIN" or (self.open and sql != b"COMMIT")
            self.hit |= self.proxy.matches(sql)
            self.proxy.met(sql)
            if sql == b"COMMIT" and self.hit and self.proxy.undoes():
                self.proxy.take()  # the server would carry it out without a Sync
                self.proxy.broken()
                return False
        elif kind == b"S" and self.hit and not self.open:  # which commits
            self.hit = False
            done = self.proxy.take()
            if done is False:
                self.proxy.broken()
                return False
            self.deaf = done is True
        self.server.sendall(kind + struct.pack("!I", len(body) + 4) + body)
        return True

    def _commits(self, kind, body):
        """Whether the transaction's end begins with this message. Of a COMMIT that is its Parse:
        after a message without a Sync the server would not be idle in the transaction any more,
        and never give it up."""
        if kind == b"S":
            return not self.open
        if kind not in (b"P", b"B"):
            return False
        _, text = body.split(b"\0", 2)[:2]
        return (text if kind == b"P" else self.statements.get(text)) == b"COMMIT"

    def _holds(self, kind, body):
        """Back, to be passed on late."""
        if not self.held and not (self.hit and self.proxy.delays() and self._commits(kind, body)):
            return False
        self.held.append(kind + struct.pack("!I", len(body) + 4) + body)
        if kind == b"S":
            self.proxy.take()
            self.deaf = True
            self.client.shutdown(socket.SHUT_RDWR)
            time.sleep(self.proxy.late_s)
            self.server.sendall(b"".join(self.held))
            self.over.wait(30)
        return True

    def _back(self):
        try:
            while True:
                kind, body = _message(self.server)
                if not self.deaf:
                    self.client.sendall(kind + struct.pack("!I", len(body) + 4) + body)
                elif kind == b"Z":
                    self.proxy.broken()
                    break
        except OSError:
            pass
        self.over.set()
        self.close()
