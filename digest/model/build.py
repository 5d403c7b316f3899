"""The model that Digest runs, as a whole: built, verified, installed, described.

Beside the built GGUF lie its Modelfile, which names it, and what verification found:

    <cache>/models/digest.….q8_0.gguf
    <cache>/models/digest.….q8_0.Modelfile
    <cache>/models/digest.….q8_0.json
"""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from digest.errors import DigestError, WeightsError
from digest.model import modelfile, verify, weights
from digest.model.identity import OWN, mark
from digest.model.install import create, guard
from digest.model.modelfile import Modelfile, usage
from digest.model.quantize import makeup
from digest.protocols import Engine
from digest.settings import OllamaSettings

Progress = weights.Progress

_SAMPLE = 8  # reference questions asked: one batch of the embedded engine


def build(progress: Progress | None = None) -> Path:
    """Merge base and adapter into one q8_0 GGUF (at once if it is there), and write its
    Modelfile: the shipped one over these weights. Returns the GGUF.
    """
    path = weights.build(progress)
    terms = "Weights of SmolLM2-135M-Instruct (Apache-2.0) with Digest's adapter (Apache-2.0)."
    made = replace(_shipped(), source=f"./{path.name}", adapter="", license=mark(terms))
    text = made.render(OWN)
    path.with_suffix(".Modelfile").write_text(text, "utf-8")
    return path


def references() -> list[verify.Question]:
    """Reference questions with the shipped model's answers, drawn evenly; none without adapter."""
    path = weights.shipped() / "reference.jsonl"
    if not weights.adapter() or not path.is_file():
        return []
    asked = verify.read(path)
    return asked[:: max(1, len(asked) // _SAMPLE)][:_SAMPLE]


def check(engine: Engine, progress: Progress | None = None) -> verify.Agreement | None:
    """Ask the reference questions and compare; None if there are no references.

    Raises DigestError if so little agrees that the model cannot be the shipped one.
    """
    asked = references()
    if not asked:
        return None
    answers = verify.ask(engine, asked, progress or (lambda _done, _total: None))
    found = verify.compare([question.answer for question in asked], answers)
    if found.share < verify.THRESHOLD:
        raise DigestError(
            f"{engine.model} does not answer as the shipped model does: {found}; build it again "
            "with `digest model build`"
        )
    return found


def record(path: Path, found: verify.Agreement | None) -> None:
    """Keep what verification found of a built model, for `describe`."""
    if found:
        path.with_suffix(".json").write_text(json.dumps(asdict(found)), "utf-8")


def install(path: Path, settings: OllamaSettings, told: Any, *, force: bool = False) -> None:
    """Create the built model in Ollama under the configured name.

    Without `force` not in the place of one that Digest did not make. Raises EngineError, and
    ConfigError for such a name.
    """
    if not force:
        guard(settings.model, settings.host)
    text = path.with_suffix(".Modelfile").read_text("utf-8")
    create(modelfile.parse(text), path.parent, settings.model, settings.host, told)


def describe(settings: OllamaSettings) -> dict[str, Any]:
    """What is there: base, adapter, built model, and the one in Ollama."""
    base = weights.base_weights()
    adapter = weights.adapter()
    path = weights.built()
    return {
        "base": {"path": str(base), **asdict(makeup(base))},
        "adapter": {
            "path": str(adapter),
            "sha256": weights.sha256(adapter),
            "size": adapter.stat().st_size,
        }
        if adapter
        else None,
        "built": {"path": str(path), **asdict(makeup(path)), "verified": _found(path)}
        if path
        else None,
        "context": int(str(_shipped().parameters["num_ctx"])),
        "ollama": _ollama(settings),
    }


def _shipped() -> Modelfile:
    path = weights.shipped() / "Modelfile"
    try:
        return modelfile.parse(path.read_text("utf-8"))
    except OSError as error:
        raise WeightsError(f"{path} is missing; install newsdigest again") from error


def recorded(path: Path) -> verify.Agreement | None:
    """What verification found of a built model earlier."""
    try:
        return verify.Agreement(**json.loads(path.with_suffix(".json").read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _found(path: Path) -> dict[str, Any] | None:
    found = recorded(path)
    return {**asdict(found), "share": found.share} if found else None


def _ollama(settings: OllamaSettings) -> dict[str, Any]:
    from digest.engines.ollama import OllamaEngine

    try:
        engine = OllamaEngine(settings)
    except DigestError as error:
        return {"missing": str(error)}
    try:
        known = {"model": engine.model, "prompt": engine.prompt_version}
        # A model that is not Digest's own answers by the schema, which `ollama run` cannot send.
        return known if engine.chooses else {**known, "ask": usage(settings.model)}
    finally:
        engine.close()
