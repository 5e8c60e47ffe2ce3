"""HTTP as the platforms' documentation writes it down, request by request: http.client, and no
code of any client."""
import http.client
import json
from urllib.parse import parse_qs, urlencode, urlsplit


class Answer:
    def __init__(self, answer):
        self.status, self.headers, self.body = answer.status, answer.headers, answer.read()

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {dict(self.headers)} {self.body[:400]!r}"


class Wire:
    def __init__(self, sandbox):
        self.host = urlsplit(sandbox.url).netloc

    def ask(self, method, url, body=None, headers=None):
        """`url` may be absolute; a dict is sent as JSON."""
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc or self.host, timeout=30)
        headers = dict(headers or {})
        if isinstance(body, dict):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json; charset=UTF-8")
        place = parts.path + ("?" + parts.query if parts.query else "")
        connection.request(method, place, body, headers)
        try:
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def form(self, url, **fields):
        return self.ask("POST", url, urlencode(fields),
                        {"Content-Type": "application/x-www-form-urlencoded"})

    def consent(self, path, **query):
        """What comes back in the query of the redirect, and its whole URL."""
        answer = self.ask("GET", f"{path}?{urlencode(dict(query, sandbox_consent='allow'))}")
        assert answer.status == 302, answer
        place = answer.headers["Location"]
        return {k: v[0] for k, v in parse_qs(urlsplit(place).query).items()}, place

    def posts(self):
        return self.ask("GET", "/sandbox/posts").json["posts"]

    def advance(self, seconds):
        self.ask("POST", "/sandbox/clock", {"advance_s": seconds})
