"""Engines to examine, by SPEC, and the one that only training has: PEFT's own generation.

embedded | ollama | extractive    as `digest run` uses them
gguf:BASE[+ADAPTER]               the embedded engine on given files
peft:ADAPTER_DIR or peft:         the trained adapter (or the bare base) in transformers
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from digest.errors import ConfigError, WeightsError
from digest.prompt import STOP, chatml
from digest.protocols import Answer, Ask, Engine
from finetune.base import Tokens


def open_engine(spec: str, base: Path) -> Engine:
    """Open the engine of a SPEC; `base` is the converted base model for `peft:`."""
    kind, colon, argument = spec.partition(":")
    if kind == "peft" and colon:
        return PeftEngine(base, Path(argument) if argument else None)
    if kind == "gguf" and argument:
        from digest.engines.embedded import EmbeddedEngine
        from digest.engines.weights import Weights

        weights, _, adapter = argument.partition("+")
        for file in filter(None, (weights, adapter)):
            if not Path(file).is_file():
                raise WeightsError(f"there is no file {file}")
        name = "+".join(Path(file).stem for file in filter(None, (weights, adapter)))
        return EmbeddedEngine(Weights(Path(weights), Path(adapter) if adapter else None, name))
    if spec == "embedded":
        from digest.engines.embedded import EmbeddedEngine

        return EmbeddedEngine()
    raise ConfigError(
        f"no engine {spec!r}; there are embedded, gguf:BASE[+ADAPTER], peft:DIR and "
        "file:PREDICTIONS"
    )


class PeftEngine:
    """Greedy decoding in transformers, float32, without a grammar: what training really made."""

    name = "peft"

    def __init__(self, base: Path, adapter: Path | None) -> None:
        from finetune.threads import prepare

        threads = prepare()
        import torch

        from finetune.base import model, quietly

        torch.set_num_threads(threads)
        with quietly():
            self._model: Any = model(base)
            if adapter:
                from peft import PeftModel

                self._model = PeftModel.from_pretrained(self._model, str(adapter))
        self._model.eval()
        self._tokens = Tokens.load(base)
        self.model = adapter.name if adapter else base.name
        self.context = int(self._model.config.max_position_embeddings)

    def count(self, text: str) -> int:
        """Tokens of `text`, control tokens read as text."""
        return len(self._tokens.plain(text))

    def answer(self, asks: Sequence[Ask]) -> Iterator[Answer]:
        """One after another."""
        import torch

        (stop,) = self._tokens.prompt(STOP)
        for index, ask in enumerate(asks):
            prompt = torch.tensor([self._tokens.prompt(chatml(ask.messages))])
            with torch.inference_mode():
                ids = self._model.generate(
                    input_ids=prompt,
                    attention_mask=torch.ones_like(prompt),
                    max_new_tokens=ask.max_tokens,
                    do_sample=False,
                    eos_token_id=stop,
                    pad_token_id=stop,
                )[0, prompt.shape[1] :].tolist()
            ended = bool(ids) and ids[-1] == stop
            text = self._tokens.decode(ids[:-1] if ended else ids)
            finish = "stop" if ended else "length"
            yield Answer(index, text, finish, prompt.shape[1], len(ids))

    def close(self) -> None:
        """Free the model."""
        self._model = None
