"""A service that speaks OpenAI's chat protocol, strictly: what the real one refuses, it refuses.

Its answers are true ones: the digest that Digest itself takes from the text of the question.
"""

import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from digest.engines.extractive import extract

Reply = tuple[int, dict[str, Any] | str, dict[str, str]]
KNOWN = {
    "model", "messages", "temperature", "max_tokens", "max_completion_tokens", "response_format",
    "logprobs", "top_p", "seed", "stream", "n",
}  # fmt: skip
FORMATS = ("json_schema", "json_object", "text")


def failure(status: int, message: str, code: str = "", **headers: str) -> Reply:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return status, {"error": error}, {k.replace("_", "-"): v for k, v in headers.items()}


def completion(text: str, prompt: str = "", reason: str = "stop", **choice: Any) -> Reply:
    said = {"role": "assistant", "content": text, "refusal": None}
    usage = {"prompt_tokens": len(prompt) // 4, "completion_tokens": len(text) // 4}
    usage["total_tokens"] = sum(usage.values())
    whole = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "mouse",
        "choices": [{"index": 0, "message": said, "finish_reason": reason, **choice}],
        "usage": usage,
    }  # fmt: skip
    return 200, whole, {}


class ChatService:
    """`script` holds replies that come before true answers; `change` alters true answers."""

    def __init__(self, key: str = "", refuses: tuple[str, ...] = ()) -> None:
        self.key, self.refuses = key, refuses
        self.script: list[Reply] = []
        self.change: Callable[[dict[str, Any], dict[str, Any]], Any] = lambda answer, body: answer
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.answered: Counter[str] = Counter()  # by question
        self.hold = threading.Event()
        self.hold.set()
        self.lock = threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                status, body, headers = owner.reply(self.path, self.headers, raw)
                data = (body if isinstance(body, str) else json.dumps(body)).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                pass  # a client that was killed

        self.http = Quiet(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        self.base = f"http://127.0.0.1:{self.http.server_port}/v1"
        self.url = f"{self.base}#mouse"

    def stop(self) -> None:
        self.hold.set()
        self.http.shutdown()
        self.http.server_close()

    def reply(self, path: str, headers: Any, raw: bytes) -> Reply:
        body = json.loads(raw)
        with self.lock:
            self.bodies.append(body)
            self.headers.append({k.lower(): v for k, v in headers.items()})
            scripted = self.script.pop(0) if self.script else None
        if path != "/v1/chat/completions":
            return failure(404, f"Invalid URL (POST {path})")
        if self.key and headers.get("Authorization") != f"Bearer {self.key}":
            return failure(401, "Incorrect API key provided", "invalid_api_key")
        if scripted:
            return scripted
        if wrong := self.wrong(body):
            return failure(400, wrong)
        if body["model"] != "mouse":
            return failure(404, f"The model `{body['model']}` does not exist", "model_not_found")
        self.hold.wait(20)
        return self.answer(body)

    def wrong(self, body: dict[str, Any]) -> str:
        for name in body:
            if name not in KNOWN or name in self.refuses:
                return f"Unsupported parameter: '{name}' is not supported with this model."
        roles = [turn["role"] for turn in body["messages"]]
        if not set(roles) <= {"system", "user", "assistant"} or roles[-1] != "user":
            return "messages: wrong roles"
        how = body.get("response_format", {"type": "text"})
        if how["type"] not in FORMATS or how["type"] in self.refuses:
            return f"response_format of type '{how['type']}' is not supported"
        if how["type"] == "json_schema":
            schema = how["json_schema"]["schema"]
            if not how["json_schema"].get("name") or schema["additionalProperties"] is not False:
                return "response_format: not a strict schema"
        return ""

    def answer(self, body: dict[str, Any]) -> Reply:
        told, asked = body["messages"][0]["content"], body["messages"][1]["content"]
        title, text = "", asked
        if asked.startswith("# "):
            title, _, text = asked[2:].partition("\n")
        fields = re.findall(r"^- (\w+): ", told, re.MULTILINE)
        fields = [name for name in fields if name != "An"]
        digest = extract(title, text, fields).as_dict()
        if "title" in digest:
            digest["title"] = digest["title"].rstrip("?!….")
        changed = self.change(digest, body)
        said = changed if isinstance(changed, str) else json.dumps(changed, ensure_ascii=False)
        with self.lock:
            self.answered[asked] += 1
        extra: dict[str, Any] = {}
        if body.get("logprobs"):
            extra["logprobs"] = {"content": [{"token": "{", "logprob": -0.25}] * 2}
        return completion(said, told + asked, **extra)
