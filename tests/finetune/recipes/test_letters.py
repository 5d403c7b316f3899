"""Every command of docs/recipes/newsletters-labels.md, on a mailbox of nine letters.

Ollama is a server of ours that speaks its protocol and labels by Digest's own extraction; the
person at the review page is a thread that speaks to it as the page's script does.
"""

import json
import mailbox
import threading
import urllib.request
import webbrowser
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from finetune.labels.labelled import stream

from ..labels.chat_service import ChatService
from .play import TINY, play

pytest.importorskip("xllamacpp", reason="the extra `embedded` is not installed")

TOWNS = ("Ghent", "Porto", "Turku", "Graz", "Lyon", "Cork", "Bari", "Brno", "Linz")


def letters(path: Path) -> None:
    """An mbox with a letter a week, the newest of yesterday."""
    box = mailbox.mbox(path)
    for number, town in enumerate(TOWNS):
        message = EmailMessage()
        message["From"] = "The Plain Letter <letter@plain.example>"
        message["Subject"] = f"Acme Corp opens a plant in {town}"
        message["Message-ID"] = f"<{number}@plain.example>"
        sent = datetime.now(UTC) - timedelta(days=1 + 7 * number)
        message["Date"] = format_datetime(sent)
        message.set_content(
            f"Acme Corp opened chip plant number {number} in {town} on Monday. The plant makes "
            f"memory for {number + 3} customers and cost {number + 1} million euros. Mayor Ines "
            "Roth said that the town had waited nine years for it. Acme Corp will hire two "
            "hundred people by spring.\n"
        )
        box.add(message)
    box.close()


class Ollama(ChatService):
    """Answers /api/tags and /api/chat with what the service of the other tests would answer."""

    def __init__(self) -> None:
        super().__init__()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                model = {"model": "qwen2.5:7b", "digest": "ab" * 32}
                self.send([{"models": [model]}])

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if self.path == "/api/show":  # whose model it is
                    self.send([{"template": "{{ .Prompt }}", "license": ""}])
                    return
                text = owner.said(body)
                sent = sum(len(turn["content"]) for turn in body["messages"])
                end = {"done": True, "done_reason": "stop", "message": {"content": ""}}
                counts = {"prompt_eval_count": sent // 4, "eval_count": len(text) // 4}
                self.send([{"message": {"content": text}, "done": False}, {**end, **counts}])

            def send(self, lines: list[dict[str, Any]]) -> None:
                self.send_response(200)
                self.end_headers()
                for line in lines:
                    self.wfile.write(json.dumps(line).encode() + b"\n")

            def log_message(self, *_: object) -> None:
                pass

        self.own = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.own.serve_forever, args=(0.02,), daemon=True).start()
        self.host = f"http://127.0.0.1:{self.own.server_port}"

    def stop(self) -> None:
        self.own.shutdown()
        self.own.server_close()
        super().stop()

    def said(self, body: dict[str, Any]) -> str:
        _, reply, _ = self.answer(body)
        assert isinstance(reply, dict)
        return str(reply["choices"][0]["message"]["content"])


def person(address: str) -> bool:
    """Open the page as a browser would, edit the first row, reject the second, accept the rest."""

    def review() -> None:
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        page = opener.open(address, timeout=60).geturl().rstrip("/")

        def call(path: str, body: dict[str, Any] | None = None) -> Any:
            data = None if body is None else json.dumps(body).encode()
            headers = {"Origin": page, "Content-Type": "application/json"}
            request = urllib.request.Request(page + path, data, headers)
            return json.loads(opener.open(request, timeout=60).read())

        for place in range(len(call("/api/state")["queue"])):
            row = call(f"/api/row?place={place}")
            verdict = {0: "edited", 1: "rejected"}.get(place, "accepted")
            digest = {**row["digest"], "relevance_score": 9} if place == 0 else None
            body = {"place": place, "id": row["id"], "verdict": verdict, "digest": digest}
            call("/api/verdict", body)
        call("/api/end", {})

    threading.Thread(target=review, daemon=True).start()
    return True


def test_letters(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    letters(Path("letters.mbox"))
    service = Ollama()
    monkeypatch.setenv("OLLAMA_HOST", service.host)
    monkeypatch.setattr(webbrowser, "open", person)
    tiny = {**TINY, "finetune evaluate": ("--no-report",)}
    try:
        ran = play("recipes/newsletters-labels.md", base, monkeypatch, tiny)
    finally:
        service.stop()
    assert len(ran) == 9
    rows = {row.id: row for row in stream(Path("rows.jsonl"))}
    verdicts = [row.review.verdict for row in rows.values() if row.review]
    assert sorted(verdicts) == ["accepted"] * (len(TOWNS) - 2) + ["edited", "rejected"]
    assert all(row.made and "qwen2.5:7b" in row.made.teacher for row in rows.values())
    facts = json.loads(Path("runs/letters/data/facts.json").read_text())
    learnt = facts["train"]["rows"] + facts["validation"]["rows"]
    assert learnt == len(TOWNS) - 1 and set(facts["train"]["licences"]) == {"private"}
    judged = json.loads(Path("runs/letters/judged/judgement.json").read_text())
    (contest,) = judged["contests"]
    assert (contest["one"], contest["other"]) == ("ours", "lead")
    assert contest["losses"] == judged["documents"] == facts["validation"]["rows"]
    source = Path("letters/Modelfile").read_text().split("FROM ")[1].splitlines()[0]
    assert (Path("letters") / source).read_bytes()[:4] == b"GGUF"
