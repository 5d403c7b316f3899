"""Uploads, back-off and labels, against a server that speaks Drive's own words about cuts."""

import base64
import json
import re
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

import integrations
from digest.errors import AccessError
from digest.settings import GoogleSettings, Settings
from integrations.google import api, auth, upload
from integrations.google.diagnosis import GoogleUnavailable
from integrations.sinks.drive import for_docs
from integrations.sinks.mail import compose

DOC = "application/vnd.google-apps.document"


class Cutting:
    """Token server, Drive's resumable uploads with 308 and Range, and a list of things to do.

    What stands in `plan` happens to the next chunks: "cut" keeps half of the chunk and drops the
    connection, "lost" keeps all of it and answers nothing, "gone" forgets the session, a number
    is answered as a status.
    """

    def __init__(self):
        self.plan, self.headers, self.requests, self.tokens = [], {}, [], []
        self.stored, self.files, self.sessions, self.listed = b"", [], 0, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def reply(self, status, body=None, **headers):
                data = json.dumps(body).encode() if body is not None else b""
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(data)),
                                    "Content-Type": "application/json"}.items():  # fmt: skip
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def body(self):
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))

            def do_POST(self):
                body = self.body()
                outer.requests.append((time.monotonic(), self.path))
                if self.path == "/token":
                    outer.tokens.append(body)
                    self.reply(200, {"access_token": "t", "expires_in": 3600})
                elif "uploadType=resumable" in self.path:
                    outer.sessions += 1
                    outer.stored = b""
                    location = f"{outer.root}/session/{outer.sessions}"
                    self.reply(200, Location=location)
                else:
                    outer.files.append(body)
                    self.reply(200, {"id": "f1", "name": "n", "mimeType": DOC})

            def do_GET(self):
                outer.requests.append((time.monotonic(), self.path))
                if outer.plan:
                    self.reply(outer.plan.pop(0), {"error": {"code": 0}}, **outer.headers)
                else:
                    self.reply(200, {"files": outer.listed})

            def do_PUT(self):
                body = self.body()
                asked = self.headers["Content-Range"]
                total = int(asked.rpartition("/")[2])
                outer.requests.append((time.monotonic(), asked))
                act = outer.plan.pop(0) if outer.plan and body else ""
                if act == "gone":
                    self.reply(404, {"error": {"code": 404, "message": "no session"}})
                    return
                if body:
                    start = int(re.match(r"bytes (\d+)-", asked)[1])
                    assert start == len(outer.stored), "a gap, or bytes sent twice"
                    outer.stored += body[: len(body) // 2] if act == "cut" else body
                if act in ("cut", "lost"):
                    self.close_connection = True
                    self.connection.close()
                elif isinstance(act, int):
                    self.reply(act, {"error": {"code": act}})
                elif len(outer.stored) == total:
                    self.reply(200, {"id": "f1", "name": "n", "mimeType": DOC})
                else:
                    held = {"Range": f"bytes=0-{len(outer.stored) - 1}"} if outer.stored else {}
                    self.reply(308, **held)

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.root = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server():
    running = Cutting()
    yield running
    running.stop()


@pytest.fixture
def google(server, tmp_path):
    settings = GoogleSettings(root=server.root, accounts=tmp_path, patience=8)
    auth.Account.of("default", settings).save(
        {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r",
         "token_uri": f"{server.root}/token",
         "scopes": [auth.SCOPE + "drive.file", auth.SCOPE + "gmail.readonly"]}
    )  # fmt: skip
    return settings


@pytest.fixture
def client(google):
    return api.Api(auth.Account.of("default", google), google, auth.DRIVE)


@pytest.mark.parametrize(
    "plan",
    [[], ["cut"], ["lost"], ["cut", "cut", 503], [500, "lost"], ["gone"], ["", "cut", "gone"]],
    ids=str,
)
def test_a_large_upload_goes_on_after_cuts(server, client, plan, monkeypatch):
    monkeypatch.setattr(upload, "CHUNK", 1024 * 1024)
    content = bytes(range(256)) * 4 * 1024 * 6  # 6 MiB: above what one request may hold
    server.plan = list(plan)
    made = upload.upload(client, "", {"name": "n"}, content, "text/markdown", "id")
    assert made["id"] == "f1" and server.stored == content
    assert server.sessions == 1 + plan.count("gone")


def test_a_small_upload_is_one_request_with_the_lines_of_the_standard(server, client):
    upload.upload(client, "", {"name": "ü"}, b"# Hi\n", "text/markdown", "id")
    [body] = server.files
    parts = re.split(rb"\r\n--|--\r\n|^--", body)
    assert b"\r\n\r\n" + json.dumps({"name": "ü"}).encode() in body
    assert parts and b"\r\n\r\n# Hi\n\r\n--" in body


def test_a_request_whose_answer_is_lost_is_not_sent_again_before_google_was_asked(google):
    """httplib2, the client's own way out, sends it twice (integrations.google.transport)."""
    posts = []

    class Deaf(socketserver.StreamRequestHandler):
        def handle(self):
            line = self.rfile.readline()
            while (header := self.rfile.readline()).strip():
                if header.lower().startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            self.rfile.read(length)
            if line.startswith(b"POST /token"):
                body = b'{"access_token": "t", "expires_in": 3600}'
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n"
                self.wfile.write(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
            else:
                posts.append(line)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Deaf) as deaf:
        threading.Thread(target=deaf.serve_forever, daemon=True).start()
        root = f"http://127.0.0.1:{deaf.server_address[1]}"
        account = auth.Account.of("default", google)
        account.save(account.load() | {"token_uri": f"{root}/token"})
        client = api.Api(account, google.model_copy(update={"root": root}), auth.READ)
        seen_first = []

        def sent():
            seen_first.append(len(posts))
            return {"id": "m1"}

        request = client.mailbox.messages().send(userId="me", body={"raw": "x"})
        assert client.run(request, "send", unless=sent) == {"id": "m1"}
        deaf.shutdown()
    assert len(posts) == 1 and seen_first == [1]


def test_retry_after_is_honoured(server, client):
    server.plan, server.headers = [429], {"Retry-After": "3"}
    client.run(client.files.list(), "look")
    asked = [moment for moment, path in server.requests if path.startswith("/drive")]
    assert len(asked) == 2 and asked[1] - asked[0] >= 3


def test_it_gives_up_when_patience_ends_and_says_so(server, client):
    server.plan, server.headers = [503] * 50, {"Retry-After": "60"}
    with pytest.raises(GoogleUnavailable, match="cannot look now: Google answered 503, after 1"):
        client.run(client.files.list(), "look")


def test_it_paces_itself():
    pace = api.QuotaBucket(units_a_minute=6000, burst=10)
    began = time.monotonic()
    for _ in range(6):
        pace.take(10)
    assert 0.4 < time.monotonic() - began < 2.0


def test_a_scope_that_is_missing_is_seen_before_anything_is_sent(server, google):
    with pytest.raises(AccessError, match=r"gmail\.send"):
        api.Api(auth.Account.of("default", google), google, auth.SEND)
    assert server.requests == []


def test_a_report_is_known_by_its_key_whatever_it_is_called(server, google):
    def held(number, name, key):
        return {"id": number, "name": name, "mimeType": DOC, "appProperties": {"digestKey": key}}

    sink = integrations.sink("drive:News", Settings(google=google.model_dump()))
    folder = {"id": "d1", "name": "News", "mimeType": "application/vnd.google-apps.folder"}
    server.listed = [folder, held("f0", "report", "other"), held("f9", "renamed by hand", "k1")]
    assert sink.find("k1", "report").remote_id == "f9"
    assert sink.find("k2", "report") is None, "another report of the same name was taken for it"
    server.listed = [folder]
    sink.deliver("k3", "report", "# x\n", "")
    [body] = server.files
    meta = json.loads(body.split(b"\r\n\r\n")[1].split(b"\r\n")[0])
    assert meta["appProperties"] == {"digestKey": "k3"} and meta["parents"] == ["d1"]


def test_a_doc_has_no_front_matter_and_no_links_into_itself():
    markdown = "---\ntitle: x\n---\n\n# H\n\n[A \\[b\\]](#a) and [out](https://x.example/#a)\n"
    assert for_docs(markdown) == "# H\n\nA \\[b\\] and [out](https://x.example/#a)\n"
    assert for_docs("# no matter\n\n---\n\nx") == "# no matter\n\n---\n\nx"


def test_the_least_scopes_for_what_is_configured():
    def scopes(**given):
        found = auth.scopes_for("default", Settings(**given))
        return [scope.removeprefix(auth.SCOPE) for scope in found]

    assert scopes() == ["drive.file", "gmail.readonly"]
    assert scopes(source=["gmail:label:news"]) == ["gmail.readonly"]
    assert scopes(source=["gmail+work:label:news"], deliver=["drive:A"]) == ["drive.file"]
    assert scopes(deliver=["gmail:me@example.com"]) == ["gmail.readonly", "gmail.send"]
    marking = {"source": ["gmail:label:news"], "google": {"label": "digested"}}
    assert scopes(**marking) == ["gmail.modify"]


def test_a_message_is_html_with_a_plain_alternative_and_one_id():
    first = compose("", "r@example.com", "k1", "---\na: b\n---\n# Tägliches\n\nx", "<p>x</p>")
    assert first["Subject"] == "Tägliches" and first["To"] == "r@example.com"
    assert [part.get_content_type() for part in first.iter_parts()] == ["text/plain", "text/html"]
    again = compose("", "r@example.com", "k1", "# other", "")
    assert first["Message-ID"] == again["Message-ID"]
    assert compose("", "r@example.com", "k2", "#", "")["Message-ID"] != first["Message-ID"]


def test_a_service_account_signs_for_itself_and_acts_for_a_person(server, google):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    robot = auth.Account.of("robot", google)
    robot.save(
        {"type": "service_account", "client_email": "robot@project.example",
         "private_key": key.decode(), "token_uri": f"{server.root}/token",
         "subject": "reader@example.com"}
    )  # fmt: skip
    client = api.Api(robot, google, auth.READ, auth.DRIVE)
    assert client.run(client.files.list(), "look") == {"files": []}
    asked = parse_qs(server.tokens[0].decode())
    assert asked["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    middle = asked["assertion"][0].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(middle + "=="))
    assert claims["iss"] == "robot@project.example" and claims["sub"] == "reader@example.com"
    assert claims["scope"].split() == [auth.SCOPE + auth.READ, auth.SCOPE + auth.DRIVE]
