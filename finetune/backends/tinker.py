"""Tinker: the service of Thinking Machines trains, over its own SDK.

Token ids and loss weights go out, losses, answers and the adapter come back. The key is read
from TINKER_API_KEY and is in no file and no message of ours. What only the service decides is
not asked: `lora.alpha`, `train.dtype`, `train.micro_tokens`.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digest.errors import AccessError, ConfigError, EngineError, EngineUnavailable, WeightsError
from digest.prompt import STOP
from digest.schema import Row
from finetune.config import Config
from finetune.data import encoding
from finetune.export.adapters import CONFIG, WEIGHTS, Adapter
from finetune.train import distributed, loop
from finetune.train.base import Tokens

if TYPE_CHECKING:
    import tinker
    from tinker.types import ForwardBackwardOutput

KEY, URL = "TINKER_API_KEY", "TINKER_BASE_URL"
_ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}  # as torch's AdamW, which the others use
_GROUPS = {
    "train_attn": ("q_proj", "k_proj", "v_proj", "o_proj"),
    "train_mlp": ("gate_proj", "up_proj", "down_proj"),
    "train_unembed": ("lm_head",),
}
_RESUMABLE = 30 * 24 * 3600  # seconds that the service keeps what --resume needs
_DOWNLOADABLE = 3600  # ... and a file that is fetched at once
_HELLO = _GOODBYE = 10  # seconds


def train(
    config: Config,
    base: Path,
    rows: tuple[Sequence[Row], Sequence[Row]],
    tokenizer: encoding.Tokenizer,
    *,
    resume: bool = False,
    stop: Callable[[], bool] = lambda: False,
    on_progress: loop.OnProgress = lambda _done, _total, _entry: None,
) -> Path | None:
    """`finetune.train.train`, where each step is taken by the service.

    `base` holds the tokenizer of `tinker.model`. Raises ConfigError, AccessError, and
    EngineUnavailable when the service is down: what was saved can be resumed.
    """
    return loop.train(
        config,
        base,
        rows,
        tokenizer,
        resume=resume,
        stop=stop,
        on_progress=on_progress,
        make=TinkerLearner,
    )


class TinkerLearner:
    """A model that the service holds, as the training loop wants it (finetune.train.learner)."""

    def __init__(self, config: Config, base: Path) -> None:
        self._lora = lora(config)  # what is wrong with the configuration is said first
        chats = config.task in ("digest", "summarize")
        if chats and len(Tokens.load(base).prompt(STOP)) != 1:
            raise ConfigError(
                f"the tokenizer in {base} does not know {STOP}, with which every answer ends; "
                "choose a base whose chats are ChatML, e.g. Qwen3"
            )
        self._config, self._base = config, base
        self._key = _key()
        # The SDK reports its errors to the service unless it is told not to.
        os.environ.setdefault("TINKER_TELEMETRY", "0")
        import tinker

        self._sdk = tinker
        _reach()
        with self._our_errors():
            self._service = tinker.ServiceClient(base_url=os.environ.get(URL), api_key=self._key)
            self._rest = tinker.RestClient(base_url=os.environ.get(URL), api_key=self._key)
        self._client: tinker.TrainingClient | None = None
        self._check()

    def _check(self) -> None:
        """Ask what can be trained, before anything of a run is written. Raises ConfigError."""
        with self._our_errors():
            able = self._rest.get_server_capabilities().result().supported_models
        names = sorted(one.model_name for one in able if one.model_name and one.trainable)
        if (wanted := self._config.tinker.model) not in names:
            raise ConfigError(
                f"Tinker does not train {wanted!r}; set tinker.model to one of {', '.join(names)}"
            )

    def step(
        self, micros: Sequence[Sequence[encoding.Example]], lr: float
    ) -> tuple[float, float | None, int]:
        """One optimiser step; the service does not say the gradient's norm."""
        examples = [example for micro in micros for example in micro]
        share = 1 / sum(len(e.answer) for e in examples)  # it sums, we mean
        how = self._config.train
        with self._our_errors():
            client = self._trainer()
            passed = client.forward_backward(
                [datum(example, share) for example in examples], "cross_entropy"
            )
            # Both are under way before the first is waited for: one turn of the service.
            stepped = client.optim_step(
                self._sdk.AdamParams(
                    learning_rate=lr,
                    weight_decay=how.weight_decay,
                    grad_clip_norm=how.clip,
                    **_ADAM,
                )
            )
            loss = _mean_loss(passed.result(), examples)
            stepped.result()
        return loss, None, sum(map(len, examples))

    def loss(self, examples: Sequence[encoding.Example]) -> float:
        """Mean loss of the answer tokens, without learning."""
        with self._our_errors():
            passed = self._trainer().forward([datum(e, 1.0) for e in examples], "cross_entropy")
            return _mean_loss(passed.result(), examples)

    def answer(self, examples: Sequence[encoding.Example]) -> list[tuple[int, ...]]:
        """What the model answers to the prompts, greedily, up to its stop token or a quarter
        more tokens than the longest expected answer has.
        """
        stop = examples[0].answer[-1]
        how = self._sdk.SamplingParams(
            max_tokens=5 * max(len(e.answer) for e in examples) // 4, temperature=0.0, stop=[stop]
        )
        with self._our_errors():
            sampler = self._trainer().save_weights_and_get_sampling_client().result()
            asked = [
                sampler.sample(self._sdk.ModelInput.from_ints(list(e.prompt)), 1, how)
                for e in examples
            ]
            written = [one.result().sequences[0] for one in asked]
        return [
            tuple(one.tokens)
            if one.stop_reason != "stop" or one.tokens[-1:] == [stop]
            else (*one.tokens, stop)
            for one in written
        ]

    def save(self, folder: Path, state: dict[str, Any]) -> None:
        """Write a checkpoint: the adapter, fetched, and where the service keeps the rest."""
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        with self._our_errors():
            client = self._trainer()
            kept = client.save_state(folder.name, ttl_seconds=_RESUMABLE).result().path
            export = client.save_weights_external(folder.name, ttl_seconds=_DOWNLOADABLE)
            self._fetch(export.result().path, part)
        peft(Adapter.load(part), self._base.name).save(part)
        (part / "state.json").write_text(json.dumps(state | {"tinker": kept}), "utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)

    def restore(self, folder: Path) -> dict[str, Any]:
        """Load a checkpoint of the service; return the `state` it was saved with."""
        try:
            saved: dict[str, Any] = json.loads((folder / "state.json").read_text("utf-8"))
            path = saved.pop("tinker")
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(
                f"{folder} is no checkpoint of the backend tinker; start anew in another `out`"
            ) from error
        with self._our_errors():
            made = self._service.create_training_client_from_state_with_optimizer(path)
            self._client = made.result()
        return saved

    def close(self) -> None:
        """End the session; the service ends it by itself if that cannot be said now."""
        with suppress(self._sdk.TinkerError, TimeoutError, ValueError):
            self._service.close("success").result(timeout=_GOODBYE)

    def _trainer(self) -> "tinker.TrainingClient":
        """The model under training, made when it is first needed: a resumed one is loaded."""
        if self._client is None:
            start = self._config.init
            made = (
                self._service.create_training_client_from_state(start)
                if start
                else self._service.create_lora_training_client(**self._lora)
            )
            self._client = made.result()
        return self._client

    def _fetch(self, export: str, folder: Path) -> None:
        """Download an export's adapter. Its files are named by us, not by the service."""
        import httpx

        urls = self._rest.get_external_weights_urls(export).result().urls
        for name in (WEIGHTS, CONFIG):
            if name not in urls:
                raise WeightsError(f"Tinker exported {sorted(urls)}, and no {name}")
            try:
                with (
                    httpx.stream("GET", urls[name], timeout=60) as answer,
                    (folder / name).open("wb") as file,
                ):
                    answer.raise_for_status()
                    for piece in answer.iter_bytes():
                        file.write(piece)
            except httpx.HTTPError as error:  # its own words would show the signed URL
                raise EngineUnavailable(
                    f"cannot download {name} from Tinker ({type(error).__name__}); go on with "
                    "`digest finetune train --resume`"
                ) from None

    @contextmanager
    def _our_errors(self) -> Iterator[None]:
        """Raise the SDK's errors as ours, without the key."""
        sdk = self._sdk
        try:
            yield
        except (sdk.AuthenticationError, sdk.PermissionDeniedError) as error:
            raise AccessError(
                f"Tinker refuses the key in {KEY} ({self._plain(error)}); set it to a valid one"
            ) from None
        except (sdk.APIConnectionError, sdk.InternalServerError, sdk.RateLimitError) as error:
            raise EngineUnavailable(
                f"Tinker cannot be reached ({self._plain(error)}); go on later with "
                "`digest finetune train --resume`"
            ) from None
        except (sdk.TinkerError, ValueError) as error:
            raise EngineError(f"Tinker: {self._plain(error)}") from None

    def _plain(self, error: Exception) -> str:
        return str(error).replace(self._key, "[key]")


def lora(config: Config) -> dict[str, Any]:
    """Arguments of `ServiceClient.create_lora_training_client`. Raises ConfigError for what the
    service cannot do.
    """
    targets = set(config.lora.targets)
    groups = {name: set(parts) <= targets for name, parts in _GROUPS.items()}
    covered = {part for name, parts in _GROUPS.items() if groups[name] for part in parts}
    wrong = ""
    if not config.tinker.model:
        wrong = "set tinker.model to the service's name of the base, e.g. Qwen/Qwen3-8B-Base"
    elif targets - covered or not targets:
        wrong = "it adapts whole groups; set lora.targets to any of " + ", ".join(
            f"[{', '.join(parts)}]" for parts in _GROUPS.values()
        )
    elif unknown := [key for key, given in _elsewhere(config).items() if given]:
        wrong = f"it does not take {unknown[0]}; leave it out, or set train.backend=peft"
    elif config.init and not config.init.startswith("tinker://"):
        wrong = "it starts from its own checkpoints; set init to a tinker:// path or leave it out"
    if wrong:
        raise ConfigError(f"the backend tinker: {wrong}")
    model, rank, seed = config.tinker.model, config.lora.rank, config.train.seed
    return {"base_model": model, "rank": rank, "seed": seed, **groups}


def _elsewhere(config: Config) -> dict[str, bool]:
    """What only a model in this process can be told."""
    return {
        "lora.dropout": config.lora.dropout > 0,
        "lora.rslora": config.lora.rslora,
        "lora.embeddings": config.lora.embeddings,
        "train.load_in_4bit": config.train.load_in_4bit,
        "more than one process": distributed.world().size > 1,
    }


def datum(example: encoding.Example, weight: float) -> "tinker.Datum":
    """An example as the service takes it: each token's successor, weighed where it is part of
    the answer.
    """
    import tinker

    tokens = [*example.prompt, *example.answer]
    silent = len(example.prompt) - 1
    return tinker.Datum(
        model_input=tinker.ModelInput.from_ints(tokens[:-1]),
        loss_fn_inputs={
            "target_tokens": tokens[1:],  # type: ignore[dict-item]  # it takes lists
            "weights": [0.0] * silent + [weight] * len(example.answer),  # type: ignore[dict-item]
        },
    )


def _mean_loss(passed: "ForwardBackwardOutput", examples: Sequence[encoding.Example]) -> float:
    """Mean negative log-probability of the answer tokens."""
    total = 0.0
    for example, output in zip(examples, passed.loss_fn_outputs, strict=True):
        total -= float(sum(output["logprobs"].data[-len(example.answer) :]))
    return total / sum(len(e.answer) for e in examples)


def peft(adapter: Adapter, base: str) -> Adapter:
    """An adapter of the service in PEFT's names. Raises WeightsError for what PEFT's plain pairs
    of matrices cannot hold.
    """
    tensors = {}
    for name, tensor in adapter.tensors.items():
        if tensor.ndim != 2:
            raise WeightsError(
                f"{name} is adapted expert by expert, which neither PEFT nor GGUF holds; choose a "
                "dense base"
            )
        bare = name.removeprefix("base_model.model.").replace("model.unembed_tokens", "lm_head")
        tensors[f"base_model.model.{bare}"] = tensor
    parts = {name.split(".lora_")[0].rsplit(".", 1)[-1] for name in tensors}
    return Adapter(
        tensors,
        {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": base,
            "r": adapter.rank,
            "lora_alpha": adapter.config["lora_alpha"],
            "lora_dropout": 0.0,
            "bias": "none",
            "target_modules": sorted(parts),
            "inference_mode": True,
        },
    )


def _reach() -> None:
    """Look whether anybody is there: the SDK itself tries for minutes. Raises EngineUnavailable."""
    import httpx
    from tinker.lib.base_url import resolve_base_url

    url = resolve_base_url()
    try:
        httpx.get(f"{url}/api/v1/healthz", timeout=_HELLO)
    except httpx.TransportError as error:
        raise EngineUnavailable(
            f"Tinker cannot be reached at {url} ({error}); try again later, or set {URL}"
        ) from None


def _key() -> str:
    """The key of the service. Raises ConfigError if it, or the SDK, is missing."""
    if find_spec("tinker") is None:
        raise ConfigError(
            "the backend tinker needs its SDK; install it with `pip install 'newsdigest[tinker]'`"
        )
    if not (key := os.environ.get(KEY, "")):
        raise ConfigError(f"the backend tinker needs a key; set {KEY} in the environment")
    return key
