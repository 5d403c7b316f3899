"""The report by e-mail, over a real mail server on this machine."""

import email
import email.policy
import socket
import ssl

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

import integrations
from digest.errors import AccessError, ConfigError, SinkError, SinkUnavailable
from digest.settings import Settings

MARKDOWN = "---\ntitle: x\n---\n\n# Digest of today\n\n[A](https://a.example/1) — Grüße\n"


class Box:
    def __init__(self):
        self.messages, self.answers = [], []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if self.answers:
            return self.answers.pop(0)
        self.messages.append((envelope.rcpt_tos, envelope.content))
        return "250 OK"


def accept(server, session, envelope, mechanism, data):
    return AuthResult(success=data.password == b"right", handled=False)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server(Controller):
    context = None

    def factory(self):
        return SMTP(self.handler, authenticator=accept, auth_require_tls=False,
                    require_starttls=False, tls_context=self.context)  # fmt: skip


@pytest.fixture(params=["none", "starttls", "tls"])
def post(request, monkeypatch, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    implicit = {"ssl_context": context} if request.param == "tls" else {}
    server = Server(Box(), hostname="127.0.0.1", port=free_port(), **implicit)
    server.context = context if request.param == "starttls" else None
    server.start()
    given = {"host": "127.0.0.1", "port": server.port,
             "security": request.param, "user": "me@example.com", "password": "right"}  # fmt: skip
    yield server.handler, given
    server.stop()


def sink(given, **other):
    return integrations.sink("smtp:boss@example.com", Settings(smtp={**given, **other}))


def test_one_mail_html_with_plain_and_one_id(post):
    box, given = post
    made = sink(given).deliver("key1", "name", MARKDOWN, "<p>Grüße</p>")
    [(to, raw)] = box.messages
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert to == ["boss@example.com"] and made.target == "boss@example.com"
    assert message["Subject"] == "Digest of today" and message["From"] == "me@example.com"
    assert message["Message-ID"] == made.remote_id and "key1" in made.remote_id
    plain, html = message.iter_parts()
    assert plain.get_content().startswith("# Digest of today") and "Grüße" in plain.get_content()
    assert html.get_content().strip() == "<p>Grüße</p>"
    sink(given).deliver("key1", "name", MARKDOWN, "")
    again = email.message_from_bytes(box.messages[1][1], policy=email.policy.default)
    assert again["Message-ID"] == made.remote_id, "a copy could not be known for one"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("451 4.3.0 busy", SinkUnavailable), ("554 5.7.1 no newsletters here", SinkError)],
)
def test_what_the_server_says_decides_whether_to_come_back(post, answer, kind):
    box, given = post
    box.answers = [answer]
    with pytest.raises(SinkError, match=answer[:3]) as caught:
        sink(given).deliver("key1", "name", MARKDOWN, "")
    assert caught.type is kind and box.messages == []


def test_a_wrong_password_names_where_to_put_the_right_one(post):
    _, given = post
    with pytest.raises(AccessError, match="DIGEST_SMTP__PASSWORD"):
        sink(given, password="wrong").deliver("key1", "name", MARKDOWN, "")


def test_nobody_listens():
    given = {"host": "127.0.0.1", "port": 1, "security": "none"}
    with pytest.raises(SinkUnavailable, match="stays in the outbox"):
        sink(given).deliver("key1", "name", MARKDOWN, "")


@pytest.mark.parametrize(
    "spec",
    ["smtp:nobody", "smtp:a@b.example, c@d.example", "gmail:label:x", "smtp:a@b\nBcc: c@d.example"],
)
def test_only_one_plain_address_is_a_recipient(spec):
    with pytest.raises(ConfigError, match="mail address"):
        integrations.sink(spec, Settings(smtp={"host": "h"}))


def test_without_a_server_it_says_what_to_write():
    with pytest.raises(ConfigError, match=r"\[smtp\]"):
        integrations.sink("smtp:a@b.example", Settings())
