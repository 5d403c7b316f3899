"""A stand-in for an Ollama server, that does as 0.32.15 was recorded to do.

In a test it is a fixture (`double`); as a process of its own, to be killed,

    python tests/ollama_double.py PORT [SECONDS an answer takes]

It lists, shows, creates and deletes models, takes blobs, and answers chats: within the schema it is
given, from the text it is given, so that what a test sees is what the product made of it. Faults
are asked for by name; each is used once.
"""

import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from digest.engines.extractive import extract
from digest.model.identity import mark
from digest.prompt import system
from digest.schema import FIELDS, json_schema

TEMPLATE = (
    "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n"
    "{{ end }}<|im_start|>assistant\n"
)
DEAD = (
    "model runner has unexpectedly stopped, this may be due to resource limitations or an internal "
    "error, check ollama server logs for details"
)
FULL = "server busy, please try again.  maximum pending requests exceeded"
TOO_LONG = (
    '{"error":{"code":400,"message":"request (8318 tokens) exceeds the available context size '
    '(1024 tokens), try increasing it","type":"exceed_context_size_error"}}'
)
Reply = tuple[int, list[dict[str, Any]] | dict[str, Any] | str]


def shown(ours: bool = True, **more: Any) -> dict[str, Any]:
    """What `/api/show` says of a model, as far as it is read."""
    own = {"license": mark("Apache-2.0"), "template": TEMPLATE, "system": system()}
    theirs = {"license": "Apache License", "template": "{{ .Prompt }}", "system": ""}
    return {**(own if ours else theirs), "capabilities": ["completion"], **more}


def stream(text: str, **end: Any) -> Reply:
    """A streamed answer in three pieces, ended as `end` says."""
    third = len(text) // 3 + 1
    pieces = [text[n : n + third] for n in range(0, len(text), third)]
    lines = [{"message": {"role": "assistant", "content": p}, "done": False} for p in pieces]
    counters = {"prompt_eval_count": 4000, "eval_count": 9}
    last = {"done": True, "done_reason": "stop", "message": {"content": ""}, **counters, **end}
    return 200, [*lines, last]


def composed(body: dict[str, Any]) -> str:
    """An answer within the schema, taken from the last message."""
    told = body["messages"][-1]["content"]
    title, _, text = told.removeprefix("# ").removeprefix("Title: ").partition("\n")
    plain = re.sub(r"^\[\d+\] ", "", text, flags=re.M)
    properties = body["format"]["properties"] if isinstance(body.get("format"), dict) else {}
    digest = extract(title, plain, tuple(n for n in properties if n in FIELDS) or FIELDS).as_dict()
    lines = re.findall(r"^\[\d+\] (.*)$", text, flags=re.M)
    answer: dict[str, Any] = {}
    for place, (name, schema) in enumerate(properties.items()):
        own = json_schema((name,))["properties"][name] if name in FIELDS else {}
        if schema.get("type") == "integer" and own.get("type") != "integer":
            answer[name] = schema["minimum"]
        elif schema.get("items", {}).get("type") == "integer":
            answer[name] = [min(place, schema["items"]["maximum"])]
        elif schema.get("items", {}).get("type") == "object":
            number = min(place, len(lines)) or 1
            answer[name] = [{"sentences": [number], "text": lines[number - 1] if lines else "x"}]
        elif "enum" in schema.get("items", {}):
            answer[name] = [v for v in digest.get(name, []) if v in schema["items"]["enum"]]
        else:
            answer[name] = digest.get(name, 5)
    return json.dumps(answer, ensure_ascii=False)


def spoken(body: dict[str, Any]) -> Reply:
    """The composed answer, within num_predict, with probabilities if they are asked for."""
    text = composed(body)
    pieces = re.findall(r"\d+|[^\W\d_]+|[\W_]+", text)
    most = body.get("options", {}).get("num_predict") or len(pieces)
    lines: list[dict[str, Any]] = []
    for piece in pieces[:most]:
        sure = {"token": piece, "logprob": -0.01}
        line = {"message": {"role": "assistant", "content": piece}, "done": False}
        if body.get("logprobs"):
            line["logprobs"] = [sure | {"top_logprobs": [sure]}]
        lines.append(line)
    sent = sum(len(turn["content"]) for turn in body["messages"]) // 4
    reason = "stop" if most >= len(pieces) else "length"
    counters = {"prompt_eval_count": sent, "eval_count": len(lines)}
    end = {"done": True, "done_reason": reason, "message": {"content": ""}, **counters}
    return 200, [*lines, end]


class Double:
    """The server. What it has, what it was asked, and what will go wrong."""

    def __init__(self, port: int = 0, seconds: float = 0.0) -> None:
        self.models: dict[str, dict[str, Any]] = {"digest:latest": shown()}
        self.manifests: dict[str, str] = {"digest:latest": "a98700d76533" + "0" * 52}
        self.requests: list[dict[str, Any]] = []  # chats
        self.created: list[dict[str, Any]] = []
        self.faults: list[str] = []  # dead, gone, broken off, thinks, too long, busy, later
        self.chat: Callable[[int, dict[str, Any]], Reply] = lambda _, body: spoken(body)
        self.seconds = seconds
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        self.release = threading.Event()  # ends what waits
        handler = type("Handler", (_Handler,), {"double": self})
        self.http = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self.http.daemon_threads = True
        self.host = f"http://127.0.0.1:{self.http.server_port}"

    def start(self) -> "Double":
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        self.release.set()
        self.http.shutdown()
        self.http.server_close()

    def reply(self, path: str, body: dict[str, Any]) -> Reply:
        """What is said to a POST."""
        name = body.get("model", "")
        full = name if ":" in name else f"{name}:latest"
        if path == "/api/create":
            self.created.append(body)
            given = {key: body[key] for key in ("license", "template", "system") if key in body}
            self.models[full] = {**shown(ours=False), **given}
            self.manifests[full] = f"{abs(hash(json.dumps(body, sort_keys=True))):064x}"
            return 200, [{"status": "writing manifest"}, {"status": "success"}]
        if full not in self.models:
            return 404, {"error": f"model '{full if path == '/api/show' else name}' not found"}
        if path == "/api/show":
            return 200, self.models[full]
        return self.answer(full, body)

    def answer(self, full: str, body: dict[str, Any]) -> Reply:
        with self.lock:
            self.requests.append(body)
            number = len(self.requests)
            fault = self.faults.pop(0) if self.faults else ""
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.seconds:
                time.sleep(self.seconds)
            return self.fault(fault, full, body) or self.chat(number, body)
        finally:
            with self.lock:
                self.at_once -= 1

    def fault(self, fault: str, full: str, body: dict[str, Any]) -> Reply | None:
        thinker = "thinking" in self.models[full].get("capabilities", ())
        if body.get("think") and not thinker:
            return 400, {"error": f'"{body["model"]}" does not support thinking'}
        if fault == "thinks" or (thinker and body.get("think", True)):
            thought = {"message": {"content": "", "thinking": "Let me see. Hmm. "}, "done": False}
            return 200, [thought] * 500
        match fault:
            case "dead":
                return 500, {"error": DEAD}
            case "gone":
                return 0, ""
            case "broken off":
                return 200, [{"message": {"content": '{"n": '}, "done": False}]
            case "too long":
                return 400, {"error": TOO_LONG}
            case "busy":
                return 503, {
                    "error": "server busy, please try again.  maximum pending requests exceeded"
                }
            case "later":
                self.release.wait(30)
        return None


class _Handler(BaseHTTPRequestHandler):
    double: Double

    def do_GET(self) -> None:
        manifests = self.double.manifests
        known = [{"model": n, "digest": manifests.get(n, "0" * 64)} for n in self.double.models]
        pages: dict[str, Reply] = {
            "/api/tags": (200, {"models": known}),
            "/api/version": (200, {"version": "0.32.15"}),
        }
        self.send(pages.get(self.path, (404, "404 page not found")))

    def do_HEAD(self) -> None:
        self.send_response(404 if "blobs" in self.path else 200)
        self.end_headers()

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("transfer-encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                raw += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        if self.path.startswith("/api/blobs/"):
            self.send((201, ""))
            return
        self.send(self.double.reply(self.path, json.loads(raw or b"{}")))

    def send(self, reply: Reply) -> None:
        status, body = reply
        if not status:  # the server dies
            self.close_connection = True
            return
        self.send_response(status)
        self.end_headers()
        lines = body if isinstance(body, list) else [body]
        try:
            for line in lines:
                text = line if isinstance(line, str) else json.dumps(line)
                self.wfile.write(text.encode() + b"\n")
        except OSError:
            pass  # the client went away

    def log_message(self, *_: object) -> None:
        pass


def running(**more: Any) -> Iterator[Double]:
    """One for the length of a test."""
    double = Double(**more).start()
    yield double
    double.stop()


if __name__ == "__main__":
    Double(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.0).http.serve_forever()
