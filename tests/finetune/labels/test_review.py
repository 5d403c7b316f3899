"""Verdicts and the file that keeps them; the page's server and who may talk to it."""

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from digest.errors import ConfigError
from finetune.data.encoding import read
from finetune.labels.labelled import Labelled, stream
from finetune.labels.review import Refused, Session, described
from finetune.labels.review_server import ReviewServer

from .conftest import labelled


@pytest.fixture
def session(rows_file: Path) -> Iterator[Session]:
    opened = Session(rows_file)
    yield opened
    opened.close()


def held(path: Path) -> dict[str, Labelled]:
    return {row.id: row for row in stream(path)}


def test_the_most_doubtful_comes_first(rows_file: Path) -> None:
    session = Session(rows_file)
    assert [session.show(place)["id"] for place in range(4)] == ["d3", "d2", "d1", "d0"]
    assert session.show(0)["doubt"] > session.show(3)["doubt"]
    session.close()
    session = Session(rows_file, doubtful_first=False)
    assert [session.show(place)["id"] for place in range(4)] == ["d0", "d1", "d2", "d3"]
    session.close()


def test_each_verdict_is_in_the_file_at_once(session: Session, rows_file: Path) -> None:
    before = held(rows_file)
    session.decide(0, "d3", "accepted")
    assert held(rows_file)["d3"].review and held(rows_file)["d3"].digest == before["d3"].digest
    mended = before["d2"].digest.as_dict() | {"title": "Mended", "names": ["Acme Corp", " "]}
    session.decide(1, "d2", "edited", mended)
    after = held(rows_file)["d2"]
    assert (after.digest.title, after.digest.names) == ("Mended", ["Acme Corp"])
    assert after.review and after.review.was == before["d2"].digest
    session.decide(2, "d1", "rejected")
    assert held(rows_file)["d1"].digest.asked() == ()
    trained_on, report = read(rows_file)  # what training reads: all but the rejected row
    assert {row.id for row in trained_on} == {"d0", "d2", "d3"} and report.refused == 1
    assert [row.id for row in stream(rows_file)] == ["d0", "d1", "d2", "d3"]  # the file's order


def test_rows_of_others_are_reviewed_and_left_alone_to_the_byte(tmp_path: Path) -> None:
    tags = [f"Tag {number}" for number in range(12)]  # more than the contract has room for
    lines = [
        json.dumps({"id": i, "group": i, "text": "Told.", "digest": {"key_insights": tags}, "x": 1})
        for i in "ab"
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(lines))
    session = Session(path)
    assert session.show(0)["digest"]["key_insights"] == tags[:8]
    session.decide(0, "a", "accepted")
    session.close()
    first, second = path.read_text().splitlines()
    assert json.loads(first)["digest"]["key_insights"] == tags[:8] and second == lines[1]


def test_a_verdict_can_be_taken_back_and_replaced(session: Session, rows_file: Path) -> None:
    before = rows_file.read_bytes()
    for verdict in ("accepted", "rejected", "edited", "rejected"):
        digest = {"title": "Something else", "relevance_score": 1}
        session.decide(0, "d3", verdict, digest)
    session.decide(0, "d3", "open")
    assert rows_file.read_bytes() == before


def test_an_edit_that_changes_nothing_is_an_acceptance(session: Session) -> None:
    shown = session.show(0)
    assert session.decide(0, "d3", "edited", shown["digest"])["verdict"] == "accepted"


def test_a_draft_becomes_labels_only_by_a_verdict(tmp_path: Path) -> None:
    row = labelled(1)
    path = tmp_path / "rows.jsonl"
    path.write_bytes(row.model_copy(update={"draft": row.digest, "digest": Labelled(
        id="x", group="x", text="", digest={}).digest}).line())  # fmt: skip
    assert read(path)[1].refused == 1
    session = Session(path)
    assert session.show(0)["draft"] is True
    session.decide(0, "d1", "accepted")
    assert len(read(path)[0]) == 1
    session.decide(0, "d1", "open")
    assert read(path)[1].refused == 1
    session.close()


@pytest.mark.parametrize(
    ("verdict", "digest", "status"),
    [
        ("edited", {"title": "No"}, 422),
        ("edited", {"relevance_score": 99}, 422),
        ("edited", {"names": "Acme"}, 422),
        ("praised", None, 400),
    ],
)
def test_what_breaks_the_contract_changes_nothing(
    session: Session, rows_file: Path, verdict: str, digest: Any, status: int
) -> None:
    before = rows_file.read_bytes()
    with pytest.raises(Refused) as refused:
        session.decide(0, "d3", verdict, digest)
    assert refused.value.status == status
    assert rows_file.read_bytes() == before


def test_a_file_that_others_changed_is_not_overwritten(session: Session, rows_file: Path) -> None:
    with rows_file.open("ab") as file:
        file.write(labelled(8).line())
    with pytest.raises(Refused, match="changed by another program"):
        session.decide(0, "d3", "accepted")
    assert "d8" in held(rows_file)


def test_two_reviews_of_one_file_are_refused(session: Session, rows_file: Path) -> None:
    with pytest.raises(ConfigError, match="another process is at work"):
        Session(rows_file)


def test_what_is_no_file_of_rows_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="digest finetune generate"):
        Session(tmp_path / "none.jsonl")
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"id": "a"}\n')
    with pytest.raises(ConfigError, match="line 1: group"):
        Session(broken)


def test_statistics_count_what_was_changed(session: Session) -> None:
    session.decide(0, "d3", "accepted")
    session.decide(1, "d2", "edited", session.show(1)["digest"] | {"title": "Mended"})
    session.decide(2, "d1", "rejected")
    found = session.statistics()
    assert (found["accepted"], found["edited"], found["rejected"], found["open"]) == (1, 1, 1, 1)
    assert found["fields"]["title"] == {"reviewed": 2, "changed": 1, "agreement": 1.0}
    assert found["teachers"] == {"big": {"accepted": 1, "edited": 1, "rejected": 1}}
    assert "title: 1 of 2 changed, agreement 1.00" in "\n".join(described(found))


# --- the server ---------------------------------------------------------------------------------


@pytest.fixture
def server(session: Session) -> Iterator[ReviewServer]:
    running = ReviewServer(session)
    thread = threading.Thread(target=running.serve)
    thread.start()
    yield running
    running.stop()
    thread.join(20)
    assert not thread.is_alive()


class Browser:
    """Says what a browser would, or what it is told to say."""

    def __init__(self, server: ReviewServer) -> None:
        self.host = f"127.0.0.1:{server.port}"
        self.cookie = ""

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection(self.host, timeout=20)
        said = {"Host": self.host, "Cookie": self.cookie}
        if method == "POST":
            said |= {"Origin": f"http://{self.host}", "Content-Type": "application/json"}
        said |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = json.dumps(body).encode() if body is not None else None
        connection.request(method, path, data, said)
        reply = connection.getresponse()
        found = reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read().decode()
        connection.close()
        return found

    def enter(self, url: str) -> None:
        status, headers, _ = self.ask("GET", url.partition(self.host)[2])
        assert (status, headers["location"]) == (303, "/")
        assert {"HttpOnly", "SameSite=Strict"} <= set(headers["set-cookie"].split("; "))
        self.cookie = headers["set-cookie"].partition(";")[0]


@pytest.fixture
def browser(server: ReviewServer) -> Browser:
    entered = Browser(server)
    entered.enter(server.url)
    return entered


def test_only_loopback_listens(server: ReviewServer) -> None:
    assert server._http.server_address[0] == "127.0.0.1"


def test_the_address_works_once(server: ReviewServer, browser: Browser) -> None:
    stranger = Browser(server)
    assert stranger.ask("GET", server.url.partition(browser.host)[2])[0] == 403
    for path in ("/", "/api/state", "/api/row?place=0", "/?token=", "/?token=wrong"):
        assert stranger.ask("GET", path)[0] == 403
    assert stranger.ask("POST", "/api/verdict", {})[0] == 403
    assert browser.ask("GET", "/")[0] == 200


def test_the_page_may_load_nothing_but_itself(browser: Browser) -> None:
    status, headers, page = browser.ask("GET", "/")
    policy = headers["content-security-policy"]
    assert status == 200 and policy.startswith("default-src 'none'")
    nonce = policy.split("'nonce-")[1].split("'")[0]
    assert page.count(f'nonce="{nonce}"') == 2 and "{{nonce}}" not in page
    assert "http://" not in page and "https://" not in page
    assert nonce not in browser.ask("GET", "/")[2]


def test_another_name_for_this_host_is_refused(browser: Browser) -> None:
    assert browser.ask("GET", "/", Host="rebound.example")[0] == 421
    assert browser.ask("GET", "/", Host="127.0.0.1:1")[0] == 421
    verdict = {"place": 0, "id": "d3", "verdict": "rejected"}
    assert browser.ask("POST", "/api/verdict", verdict, Host="rebound.example")[0] == 421


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Length": "9999999"}, 413),
    ],
)
def test_another_page_decides_nothing(
    browser: Browser, rows_file: Path, headers: dict[str, str], status: int
) -> None:
    before = rows_file.read_bytes()
    verdict = {"place": 0, "id": "d3", "verdict": "rejected"}
    assert browser.ask("POST", "/api/verdict", verdict, **headers)[0] == status
    assert rows_file.read_bytes() == before


def test_verdicts_over_http(browser: Browser, rows_file: Path) -> None:
    state = json.loads(browser.ask("GET", "/api/state")[2])
    assert state["queue"] == ["open"] * 4 and state["statistics"]["rows"] == 4
    shown = json.loads(browser.ask("GET", "/api/row?place=1")[2])
    assert shown["id"] == "d2" and shown["others"][0]["teacher"] == "small"
    verdict = {"place": 1, "id": "d2", "verdict": "edited", "digest": {"title": "Mended"}}
    status, _, said = browser.ask("POST", "/api/verdict", verdict)
    assert status == 200 and json.loads(said)["statistics"]["edited"] == 1
    assert held(rows_file)["d2"].digest.as_dict() == {"title": "Mended"}
    for body, status in (
        ({**verdict, "digest": {"title": "No"}}, 422),
        ({**verdict, "place": 0}, 409),
        ({**verdict, "place": -1}, 409),
        ({**verdict, "place": "1"}, 400),
        ({**verdict, "digest": []}, 400),
        ("?", 400),
    ):
        found, _, said = browser.ask("POST", "/api/verdict", body)
        assert (found, "error" in json.loads(said)) == (status, True)
    for path in (
        "/api/row?place=4",
        "/api/row?place=x",
        "/etc/passwd",
        "/../finetune/labels/review.py",
    ):
        assert browser.ask("GET", path)[0] == 404
