"""Teachers, what they are told, and the rows that are made of their answers."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from digest.engines.extractive import extract
from digest.schema import FIELDS, DigestFields, Row
from finetune.data.encoding import read
from finetune.labels import guide
from finetune.labels.agreement import agreement, alike, central
from finetune.labels.guide import Wish

Digest = Callable[..., Any]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_labels_are_canonical_rows_with_their_provenance(
    service: Any, documents: Callable[..., Path], digest: Digest, tmp_path: Path
) -> None:
    out = tmp_path / "rows.jsonl"
    said = digest(
        "generate", "--teacher", service.url, "--in", documents(3), "--out", out,
        "--price", "2,8", "--json",
    )  # fmt: skip
    outcome = json.loads(said.stdout)
    assert (outcome["rows"], outcome["asked"], outcome["rejected"]) == (3, 3, 0)
    for row in rows(out):
        assert Row.model_validate(row).digest.asked() == FIELDS
        made = row["made"]
        assert made["teacher"] == f"{service.url} (mouse)"
        spent = made["tokens_in"] * 2 + made["tokens_out"] * 8
        assert made["cost"] == pytest.approx(spent / 1e6)
        assert made["confidence"] == pytest.approx(0.7788, abs=1e-4)
        assert row["licence"] == "CC0-1.0"
    assert outcome["cost"] == pytest.approx(sum(row["made"]["cost"] for row in rows(out)))
    trained_on, report = read(out)  # the reader that training uses
    assert len(trained_on) == 3 and report.refused == 0


def test_each_row_is_asked_for_the_fields_it_lacks(
    service: Any, documents: Callable[..., Path], digest: Digest, tmp_path: Path
) -> None:
    mine = {"title": "My own headline", "relevance_score": 7}
    given = documents([
        {"id": "a", "text": "Acme opened a plant in Ghent on Monday, at last.", "digest": mine},
        {"id": "b", "text": "Acme opened a plant in Porto.", "digest": {}, "fields": ["names"]},
        {"id": "c", "text": "Acme opened a plant in Graz.", "digest": {**mine, "names": ["Acme"]}},
    ])  # fmt: skip
    out = tmp_path / "rows.jsonl"
    digest("generate", "--teacher", service.url, "--in", given, "--out", out,
           "--fields", "title,names,relevance_score")  # fmt: skip
    asked = {b["messages"][1]["content"][22:26]: b["messages"][0]["content"]
             for b in service.bodies}  # fmt: skip
    assert len(service.bodies) == 2  # c lacks nothing
    assert all(text.count("\n- names: ") == 1 for text in asked.values())
    assert not any("\n- title: " in text or "\n- summary: " in text for text in asked.values())
    found = {row["id"]: row["digest"] for row in rows(out)}
    assert found["a"]["title"] == "My own headline" and found["a"]["relevance_score"] == 7
    assert list(found["b"]) == ["names"] and set(found["a"]) == {*mine, "names"}
    assert found["c"] == {**mine, "names": ["Acme"]}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("I would rather not.", "not JSON"),
        ('{"title": "Fine as it is"}', "keys differ from the ask at relevance_score"),
        ('{"title": "Fine as it is", "relevance_score": 11}', "less than or equal to 10"),
        ('{"title": "You will not believe this!", "relevance_score": 1}', "the title teases"),
    ],
)
def test_an_answer_that_cannot_be_used_is_asked_again_once(
    service: Any, documents: Callable[..., Path], digest: Digest, tmp_path: Path,
    answer: str, told: str,
) -> None:  # fmt: skip
    service.change = lambda good, body: answer if len(body["messages"]) == 2 else good
    out = tmp_path / "rows.jsonl"
    digest("generate", "--teacher", service.url, "--in", documents(1), "--out", out,
           "--fields", "title,relevance_score")  # fmt: skip
    _, again = service.bodies
    assert again["messages"][2] == {"role": "assistant", "content": answer}
    assert told in again["messages"][3]["content"]
    assert rows(out)[0]["made"]["repaired"] is True


def test_what_stays_wrong_is_rejected_with_the_reason(
    service: Any, documents: Callable[..., Path], digest: Digest, tmp_path: Path
) -> None:
    service.change = lambda good, body: "No." if "Porto" in body["messages"][1]["content"] else good
    out = tmp_path / "rows.jsonl"
    said = digest("generate", "--teacher", service.url, "--in", documents(3), "--out", out)
    assert {row["id"] for row in rows(out)} == {"d0", "d2"}
    (reject,) = rows(tmp_path / "rows.rejected.jsonl")
    assert reject["id"] == "d1" and "not JSON" in reject["reasons"][service.url]
    assert "1 rejected" in said.output
    asked = len(service.bodies)
    digest("generate", "--teacher", service.url, "--in", documents(3), "--out", out)
    assert len(service.bodies) == asked  # a no is an answer


def test_names_that_are_not_in_the_text_do_not_become_labels(
    service: Any, documents: Callable[..., Path], digest: Digest, tmp_path: Path
) -> None:
    service.change = lambda good, body: {"names": ["Acme Corp", "Globex"]}
    out = tmp_path / "rows.jsonl"
    digest("generate", "--teacher", service.url, "--in", documents(1), "--out", out,
           "--fields", "names")  # fmt: skip
    (row,) = rows(out)
    assert row["digest"]["names"] == ["Acme Corp"] and row["made"]["dropped"] == ["Globex"]


def test_several_teachers_and_their_agreement(
    service: Any, other_service: Any, documents: Callable[..., Path], digest: Digest, tmp_path: Path
) -> None:
    other_service.change = lambda good, body: {**good, "relevance_score": 1}
    out = tmp_path / "rows.jsonl"
    said = digest(
        "generate", "--teacher", "extractive", "--teacher", other_service.url,
        "--teacher", service.url, "--in", documents(2), "--out", out,
        "--fields", "summary,relevance_score", "--json",
    )  # fmt: skip
    told = json.loads(said.stdout)["agreement"]
    assert told["summary"] == 1.0 and 0 < told["relevance_score"] < 1
    for row in rows(out):
        assert row["made"]["teacher"].startswith("extractive (")  # two of three say the same
        assert row["digest"]["relevance_score"] > 1
        assert [o["teacher"] for o in row["made"]["others"]] == [other_service.url, service.url]
        assert row["made"]["agreement"].keys() == {"summary", "relevance_score"}


def test_agreement_is_by_field_and_symmetric() -> None:
    one = DigestFields(title="Acme opens", relevance_score=9, names=["Acme", "Ghent"])
    other = DigestFields(title="Acme opens", relevance_score=3, names=["Ghent"])
    assert agreement([one, other]) == agreement([other, one])
    assert agreement([one, other]) == {
        "title": 1.0, "names": 0.5, "relevance_score": round(1 - 6 / 9, 4)
    }  # fmt: skip
    assert alike("relevance_score", 1, 10) == 0
    assert central([one, other, other]) == 1
    assert central([one, other]) == 0  # of two, the first named


def test_a_killed_run_goes_on_and_asks_nothing_twice(
    service: Any, documents: Callable[..., Path], tmp_path: Path
) -> None:
    given, out = documents(30), tmp_path / "rows.jsonl"
    command = [
        sys.executable, "-m", "cli.main", "finetune", "generate", "--teacher", service.url,
        "--in", str(given), "--out", str(out), "--parallel", "1", "--fields", "title",
    ]  # fmt: skip
    code = "import sys; from cli.main import main; sys.argv[0] = 'digest'; main()"
    command[1:3] = ["-c", code]
    journal = tmp_path / "rows.journal.jsonl"
    for kept in (4, 11):
        run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while not (journal.exists() and journal.read_bytes().count(b"\n") >= kept):
            assert time.monotonic() < deadline and run.poll() is None
            time.sleep(0.002)
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        with journal.open("ab") as file:
            file.write(b'{"key": "torn')  # what a kill within a write leaves
    assert not out.exists()
    subprocess.run(command, check=True, capture_output=True, timeout=240)
    assert len(rows(out)) == 30
    # At most the one question under way at each kill was put again; every answer on disk was not.
    twice = [n for n in service.answered.values() if n > 1]
    assert len(twice) <= 2 and max([*twice, 0]) <= 2
    asked = len(service.bodies)
    again = subprocess.run(command, check=True, capture_output=True, text=True, timeout=240)
    assert "0 questions now" in again.stdout and len(service.bodies) == asked


def test_what_a_person_reviewed_is_never_made_again(
    service: Any, documents: Callable[..., Path], digest: Digest, tmp_path: Path
) -> None:
    out = tmp_path / "rows.jsonl"
    arguments = ("generate", "--teacher", service.url, "--in", documents(2), "--out", out)
    digest(*arguments, "--fields", "title")
    mine = rows(out)[0]
    mine["digest"]["title"] = "A person wrote this"
    mine["review"] = {"verdict": "edited", "at": "2026-03-01T00:00:00+00:00"}
    elsewhere = {"id": "elsewhere", "group": "e", "text": "Kept.", "digest": {"title": "As it was"}}
    out.write_text("".join(json.dumps(row) + "\n" for row in [mine, rows(out)[1], elsewhere]))
    said = digest(*arguments, "--fields", "title,summary", "--json")
    assert json.loads(said.stdout)["kept"] == 2
    found = {row["id"]: row["digest"] for row in rows(out)}
    assert found["d0"] == {"title": "A person wrote this"}
    assert found["elsewhere"] == {"title": "As it was"}
    assert set(found["d1"]) == {"title", "summary"}


def test_a_service_that_goes_away_leaves_the_rows_that_are_done(
    service: Any, other_service: Any, documents: Callable[..., Path], digest: Digest, tmp_path: Path
) -> None:
    out = tmp_path / "rows.jsonl"
    digest("generate", "--teacher", service.url, "--in", documents(2), "--out", out)
    service.script = [(429, {"error": {"message": "You exceeded your current quota",
                                       "code": "insufficient_quota"}}, {})] * 8  # fmt: skip
    said = digest("generate", "--teacher", service.url, "--in", documents(5), "--out", out, code=75)
    assert "quota" in said.output and "3 documents are left" in said.output
    assert len(rows(out)) == 2
    service.script = []
    digest("generate", "--teacher", service.url, "--in", documents(5), "--out", out)
    assert len(rows(out)) == 5


def test_what_is_no_document_is_told(
    documents: Callable[..., Path], digest: Digest, tmp_path: Path
) -> None:
    given = documents([document_of("a"), {"id": "b", "text": "  "}, {"id": "c", "title": "Only"}])
    said = digest("generate", "--teacher", "extractive", "--in", given, "--out", tmp_path / "r")
    assert "1 rows" in said.output and "2 records are no documents" in said.output


def document_of(identity: str) -> dict[str, Any]:
    return {"id": identity, "text": "Acme opened a plant in Ghent on Monday."}


def test_the_budget_ends_a_run(
    service: Any, documents: Callable[..., Path], digest: Digest, tmp_path: Path
) -> None:
    said = digest(
        "generate", "--teacher", service.url, "--in", documents(40), "--out", tmp_path / "r.jsonl",
        "--fields", "title", "--price", "1000,1000", "--budget", "2", "--parallel", "1", code=75,
    )  # fmt: skip
    assert "the budget" in said.output and 0 < len(service.bodies) < 40


TOLD = (
    "Acme Corp opened a chip plant in Ghent on Monday. The plant makes memory for three customers "
    "and cost 90 million euros. Mayor Ines Roth said that the town had waited nine years for it."
)


def test_language_and_length_reach_the_teacher_and_are_checked(
    service: Any, documents: Callable[..., Path], digest: Digest, tmp_path: Path
) -> None:
    more = "The old plant beside the canal will be a school for millers, the council said. " * 4
    long = [{"id": "d0", "title": "A plant opens in Ghent", "text": f"{TOLD} {more}"}]
    digest("generate", "--teacher", service.url, "--in", documents(long), "--fields", "summary",
           "--out", tmp_path / "r.jsonl", "--language", "pt", "--n-words", "5")  # fmt: skip
    told = service.bodies[0]["messages"][0]["content"]
    assert "Write in Portuguese" in told and "about 5 words" in told
    sent_back = service.bodies[1]["messages"][3]["content"]
    assert "words, asked were about 5" in sent_back  # the service quotes more
    (reject,) = rows(tmp_path / "r.rejected.jsonl")
    assert reject["id"] == "d0"


def test_what_the_guide_finds_wrong() -> None:
    german = (
        "Die Stadt hat am Montag ein neues Werk für Speicherchips eröffnet, auf das sie neun Jahre "
        "gewartet hatte, sagte die Bürgermeisterin bei der Feier am Nachmittag vor dem Rathaus."
    )
    same = DigestFields(summary=german)
    assert "not in English" in guide.fault(same, Wish(), german)
    assert guide.fault(same, Wish.of("German"), german) == ""
    english = DigestFields(summary="The town opened a memory plant on Monday, after nine years of "
                           "waiting, its mayor said.")  # fmt: skip
    assert guide.fault(english, Wish(), german) == ""
    assert "words" in guide.fault(english, Wish(words=60), german * 9)
    assert guide.fault(DigestFields(title="Town opens plant"), Wish(), german) == ""
    for title in ("Who opened it?", "A plant…", "Finally!", "“Finally!”"):
        assert "teases" in guide.fault(DigestFields(title=title), Wish(), german)


def test_every_field_is_explained_with_its_own_limits() -> None:
    whole = guide.instruction(FIELDS, Wish())
    for name in FIELDS:
        assert f"\n- {name}: " in whole
    assert "{" not in whole and "3 to 120 characters" in whole
    only = guide.instruction(("names",), Wish())
    assert "0 to 12 named entities" in only and "summary:" not in only


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--teacher", "wizard"), "no teacher 'wizard'"),
        (("--teacher", "https://api.example.com/v1"), "needs a model"),
        (("--teacher", "extractive", "--teacher", "extractive"), "named twice"),
        (("--teacher", "extractive", "--price", "cheap"), "no price"),
        (("--teacher", "extractive", "--price", "1,2", "--price", "1,2"), "2 prices for 1"),
        (("--teacher", "extractive", "--language", "x y"), "no language"),
        (("--teacher", "https://a.example/v1#m", "--key", "DIGEST_NO_SUCH_KEY"), "is not set"),
        (("--teacher", "http://a.example/v1#m", "--key", "PATH"), "over https only"),
        (("--teacher", "http://a.example/v1#m", "--key", "b.example=PATH"), "no teacher's host"),
        (("--teacher", "https://u:p@a.example/v1#m"), "without a key in its URL"),
        (
            ("--teacher", "https://a.example/v1#m", "--teacher", "https://b.example/v1#m",
             "--key", "PATH"),
            "HOST=VARIABLE",
        ),
    ],
)  # fmt: skip
def test_wrong_use_is_told_in_a_sentence(
    documents: Callable[..., Path], digest: Digest, tmp_path: Path,
    arguments: tuple[str, ...], why: str,
) -> None:  # fmt: skip
    said = digest(
        "generate", *arguments, "--in", documents(1), "--out", tmp_path / "r.jsonl", code=2
    )
    assert why in said.output and "Traceback" not in said.output


class Ollama:
    """Speaks as recorded exchanges do; its answer is taken from the question."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.reply([{"models": [{"model": "gemma3:4b", "digest": "a98700d76533" + "0" * 52,
                                         "name": "gemma3:4b", "size": 1}]}])  # fmt: skip

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if self.path == "/api/show":  # whose model it is
                    self.reply([{"template": "{{ .Prompt }}", "license": ""}])
                    return
                owner.bodies.append(body)
                title, _, text = body["messages"][1]["content"][2:].partition("\n")
                answer = extract(title, text, list(body["format"]["properties"])).to_json()
                half = len(answer) // 2
                lines = [
                    {"model": body["model"], "created_at": "2026-03-01T00:00:00Z", "done": False,
                     "message": {"role": "assistant", "content": part}}
                    for part in (answer[:half], answer[half:])
                ]  # fmt: skip
                end = {"done": True, "done_reason": "stop", "prompt_eval_count": 900,
                       "eval_count": 80, "message": {"role": "assistant"}}  # fmt: skip
                self.reply([*lines, end])

            def reply(self, lines: list[dict[str, Any]]) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write("".join(json.dumps(line) + "\n" for line in lines).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        self.host = f"http://127.0.0.1:{self.http.server_port}"


def test_a_model_in_ollama_is_told_what_a_digest_is(
    documents: Callable[..., Path], digest: Digest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ollama = Ollama()
    monkeypatch.setenv("DIGEST_OLLAMA__HOST", ollama.host)
    out = tmp_path / "rows.jsonl"
    arguments = ("--in", documents(2), "--out", out, "--fields", "summary,relevance_score")
    digest("generate", "--teacher", "ollama:gemma3:4b", *arguments)
    assert {row["made"]["teacher"] for row in rows(out)} == {
        "ollama:gemma3:4b (gemma3:4b@a98700d76533)"
    }
    body = ollama.bodies[0]
    assert body["model"] == "gemma3:4b" and "You write digests" in body["messages"][0]["content"]
    assert list(body["format"]["properties"]) == ["summary", "relevance_score"]
    said = digest("generate", "--teacher", "ollama:phi9", *arguments, code=75)
    assert "no model 'phi9'" in said.output
    ollama.http.shutdown()
    ollama.http.server_close()


@pytest.mark.model
def test_digests_own_model_is_asked_as_the_product_asks(
    documents: Callable[..., Path], tmp_path: Path
) -> None:
    from digest.errors import WeightsError
    from digest.model.weights import find

    try:
        find()
    except WeightsError as error:
        pytest.skip(str(error))
    out = tmp_path / "rows.jsonl"
    # In a process of its own: here torch has set OpenMP's threads up before llama.cpp can.
    command = [
        sys.executable, "-c", "from cli.main import main; main()", "finetune", "generate",
        "--teacher", "embedded", "--in", str(documents(1)), "--out", str(out),
        "--fields", "title,relevance_score",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=400)
    (row,) = rows(out)
    assert row["digest"]["title"] and row["made"]["prompt"].startswith("digest-")
