"""Tinker's service on loopback, as far as the SDK's own protocol shows it: it really trains.

JSON and protobuf come and go as the official SDK sends and reads them; the model behind is a
small one on torch with PEFT, in float32, so that losses fall and exported weights are real.
"""

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import torch
import zstandard
from peft import LoraConfig, get_peft_model
from safetensors.torch import save as to_bytes
from tinker.proto import tinker_public_pb2 as proto
from transformers import AutoModelForCausalLM

ALPHA = 32  # which the service decides
KEY = "tml-double-key"
_PARTS = {
    "train_attn": ["q_proj", "k_proj", "v_proj", "o_proj"],
    "train_mlp": ["gate_proj", "up_proj", "down_proj"],
    "train_unembed": ["lm_head"],
}
PROTO, JSON, BYTES = "application/x-protobuf", "application/json", "application/octet-stream"


class Model:
    """One training run."""

    def __init__(self, base: Path, lora: dict[str, Any]) -> None:
        self.lora = lora
        torch.manual_seed(lora["seed"])
        parts = [part for group, names in _PARTS.items() if lora[group] for part in names]
        self.peft: Any = get_peft_model(
            AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32),
            LoraConfig(
                r=lora["rank"], lora_alpha=ALPHA, target_modules=parts, task_type="CAUSAL_LM"
            ),
        )
        self.weights = [p for p in self.peft.parameters() if p.requires_grad]
        self.adam = torch.optim.AdamW(self.weights)

    def pass_through(self, request: Any) -> bytes:
        """Forward, and backward unless it is not wanted: protobuf in, protobuf out."""
        assert request.loss_fn == "cross_entropy"
        found, total = [], 0.0
        for one in request.data:
            tokens = b"".join(chunk.encoded_text.tokens for chunk in one.model_input)
            ids = torch.from_numpy(np.frombuffer(tokens, np.int32).astype(np.int64))
            targets = torch.from_numpy(
                np.frombuffer(one.loss_fn_inputs["target_tokens"].dense, np.int64).copy()
            )
            weights = torch.from_numpy(
                np.frombuffer(one.loss_fn_inputs["weights"].dense, np.float32).copy()
            )
            with torch.set_grad_enabled(not request.forward_only):
                logits = self.peft(input_ids=ids[None]).logits[0]
                chosen = torch.log_softmax(logits, -1).gather(1, targets[:, None])[:, 0]
                loss = -(chosen * weights).sum()
            if not request.forward_only:
                loss.backward()
            total += loss.item()
            found.append(chosen.detach().numpy().astype(np.float32))
        answer = proto.ForwardBackwardOutput(loss_fn_output_type="TorchLossReturn")
        answer.metrics["loss:sum"] = total
        record = answer.loss_fn_outputs.add(num_datums=len(found))
        record.fields["logprobs"].dtype = proto.DTYPE_FLOAT32
        record.fields["logprobs"].data = b"".join(one.tobytes() for one in found)
        ends = np.cumsum([0, *(one.nbytes for one in found)])
        record.fields["logprobs"].offsets = ends.astype(np.int64).tobytes()
        return bytes(answer.SerializeToString())

    def optimise(self, how: dict[str, float]) -> None:
        if how["grad_clip_norm"]:
            torch.nn.utils.clip_grad_norm_(self.weights, how["grad_clip_norm"])
        for group in self.adam.param_groups:
            group |= {
                "lr": how["learning_rate"],
                "betas": (how["beta1"], how["beta2"]),
                "eps": how["eps"],
                "weight_decay": how["weight_decay"],
            }
        self.adam.step()
        self.adam.zero_grad()

    def sample(self, request: dict[str, Any]) -> bytes:
        how = request["sampling_params"]
        assert how["temperature"] == 0
        ids = [token for chunk in request["prompt"]["chunks"] for token in chunk["tokens"]]
        first = len(ids)
        with torch.no_grad():
            while len(ids) - first < how["max_tokens"] and ids[-1:] != how["stop"]:
                ids.append(int(self.peft(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
        stopped = ids[-1:] == how["stop"]
        answer = proto.SampleResponse()
        answer.sequences.add(
            stop_reason=proto.STOP_REASON_STOP if stopped else proto.STOP_REASON_LENGTH,
            tokens=np.array(ids[first:], np.int32).tobytes(),
        )
        return bytes(answer.SerializeToString())

    def tensors(self) -> dict[str, torch.Tensor]:
        """By the service's names."""
        named = ((n, p) for n, p in self.peft.named_parameters() if p.requires_grad)
        return {
            n.replace(".default.", ".").replace("lm_head", "model.unembed_tokens"): p.detach()
            for n, p in named
        }

    def state(self) -> bytes:
        file = io.BytesIO()
        torch.save((self.lora, self.weights, self.adam.state_dict()), file)
        return file.getvalue()

    @classmethod
    def of(cls, base: Path, state: bytes, optimizer: bool) -> "Model":
        lora, weights, adam = torch.load(io.BytesIO(state), weights_only=False)
        made = cls(base, lora)
        with torch.no_grad():
            for mine, theirs in zip(made.weights, weights, strict=True):
                mine.copy_(theirs)
        if optimizer:
            made.adam.load_state_dict(adam)
        return made


@dataclass
class Service:
    """What the service holds, and what it was asked."""

    base: Path
    name: str = "tiny/base"  # of the one model it trains
    url: str = ""
    models: dict[str, Model] = field(default_factory=dict)
    saved: dict[str, bytes] = field(default_factory=dict)  # tinker path -> state
    files: dict[str, bytes] = field(default_factory=dict)  # URL's path -> content
    promised: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    sessions: int = 0
    finished: int = 0
    refuse: int = 0  # an HTTP status for whatever is asked with the key
    again: set[str] = field(default_factory=set)  # promises that were once not ready
    lock: threading.RLock = field(default_factory=threading.RLock)

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    def post(self, path: str, body: Any) -> tuple[str, bytes]:
        """Media type and body of the answer."""
        name = path.removeprefix("/api/v1/")
        self.asked.append((name, body))
        match name.split("/"):
            case ["client", "config"]:  # small chunks, so that a step takes several requests
                return _json(fwdbwd_max_chunk_len=3, proto_compress_fwdbwd=True)
            case ["client", "dynamic_config"]:
                return _json()
            case ["create_session"]:
                self.sessions += 1
                return _json(type="create_session", session_id=f"session-{self.sessions}")
            case ["session_heartbeat"]:
                return _json(type="session_heartbeat")
            case ["sessions", _, "finish"]:
                self.finished += 1
                return _json()
            case ["create_model"]:
                model = f"{body['session_id']}:train:{body['model_seq_id']}"
                self.models[model] = Model(self.base, body["lora_config"])
                return self._promise(type="create_model", model_id=model)
            case ["load_weights"]:
                model = f"{body['session_id']}:train:{body['model_seq_id']}"
                state = self.saved[body["path"]]
                self.models[model] = Model.of(self.base, state, body["optimizer"])
                return self._promise(type="load_weights", path=body["path"], model_id=model)
            case ["get_info"]:
                rank = self.models[body["model_id"]].lora["rank"]
                about = {"arch": "llama", "model_name": "tiny", "tokenizer_id": "tiny"}
                return _json(model_data=about, model_id=body["model_id"], lora_rank=rank)
            case ["forward_backward"]:
                return self._promise(raw=self.models[body.model_id].pass_through(body))
            case ["optim_step"]:
                self.models[body["model_id"]].optimise(body["adam_params"])
                return self._promise(type="optim_step")
            case ["save_weights"]:
                path = f"tinker://{body['model_id']}/weights/{body['path']}"
                self.saved[path] = self.models[body["model_id"]].state()
                return self._promise(type="save_weights", path=path)
            case ["save_weights_for_sampler"]:
                seq = body["sampling_session_seq_id"]
                sampler = f"sampler-{body['model_id']}-{seq}"
                self.models[sampler] = self.models[body["model_id"]]  # asked before the next step
                return self._promise(
                    type="save_weights_for_sampler", path=None, sampling_session_id=sampler
                )
            case ["save_weights_external"]:
                path = f"tinker://{body['model_id']}/external_weights/{body['path']}"
                model = self.models[body["model_id"]]
                about = {"r": model.lora["rank"], "lora_alpha": ALPHA}
                where = f"/signed/{body['model_id']}/{body['path']}"
                self.files[f"{where}/adapter_model.safetensors"] = to_bytes(model.tensors())
                self.files[f"{where}/adapter_config.json"] = json.dumps(about).encode()
                return self._promise(type="save_weights_external", path=path)
            case ["asample"]:
                answer = self.models[body["sampling_session_id"]].sample(body)
                media, told = self._promise(raw=answer)
                number = f"{body['sampling_session_id']}-{body['seq_id']}"
                return media, json.dumps(
                    json.loads(told) | {"sample_sequence_ids": [number]}
                ).encode()
            case ["retrieve_future"]:
                if body["request_id"] not in self.again:  # once, for all to be heard of it
                    self.again.add(body["request_id"])
                    if len(self.again) == 1:
                        return _json(
                            type="try_again", request_id=body["request_id"], queue_state="active"
                        )
                return self.promised[body["request_id"]]
        raise KeyError(path)

    def get(self, path: str) -> tuple[str, bytes]:
        if path in self.files:
            return BYTES, self.files[path]
        self.asked.append((path, None))
        match path.removeprefix("/api/v1/").split("/"):
            case ["get_server_capabilities"]:
                able = {"model_name": self.name, "max_context_length": 2048, "sampleable": True}
                return _json(supported_models=[able | {"trainable": True}])
            case ["samplers", sampler]:
                return _json(sampler_id=sampler, base_model="tiny", model_path=None)
            case ["training_runs", model, "checkpoints", kind, name, "external_weights_urls"]:
                assert kind == "external_weights"
                where = f"/signed/{model}/{name}/"
                urls = {
                    file.removeprefix(where): f"{self.url}{file}"
                    for file in self.files
                    if file.startswith(where)
                }
                soon = datetime.now(UTC) + timedelta(minutes=15)
                return _json(urls=urls, expires=soon.isoformat())
        raise KeyError(path)

    def _promise(self, raw: bytes = b"", **told: Any) -> tuple[str, bytes]:
        number = f"promise-{len(self.promised)}"
        self.promised[number] = (PROTO, raw) if raw else _json(**told)
        return _json(request_id=number)


def _json(**told: Any) -> tuple[str, bytes]:
    return JSON, json.dumps(told).encode()


@contextmanager
def serve(base: Path, name: str = "tiny/base") -> Iterator[Service]:
    """The service over this base, and only with the key."""
    service = Service(base, name)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"] or 0))
            if self.headers.get("Content-Encoding") == "zstd":
                content = zstandard.ZstdDecompressor().decompressobj().decompress(content)
            body: Any = content
            if self.headers["Content-Type"] == PROTO:
                body = proto.ForwardBackwardRequest()
                body.ParseFromString(content)
            elif content:
                body = json.loads(content)
            self._answer(lambda: service.post(self.path, body))

        def do_GET(self) -> None:
            self._answer(lambda: service.get(self.path))

        def _answer(self, make: Any) -> None:
            status, media, answer = 200, JSON, b""
            with service.lock:  # requests are worked off in the order in which they come
                if self.headers.get("X-API-Key") != KEY and not self.path.startswith("/signed/"):
                    status, answer = 401, b'{"detail": "unknown key"}'
                elif service.refuse:
                    status, answer = service.refuse, b'{"detail": "not now"}'
                else:
                    try:
                        media, answer = make()
                    except KeyError as error:
                        status, answer = 404, json.dumps({"detail": str(error)}).encode()
            self.send_response(status)
            self.send_header("Content-Type", media)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
