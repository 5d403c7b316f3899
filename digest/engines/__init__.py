"""What runs the model. Nothing heavy is imported until an engine is opened."""

import logging
from typing import TYPE_CHECKING

from digest.errors import EngineError, EngineUnavailable
from digest.protocols import Engine

if TYPE_CHECKING:
    from digest.settings import Settings

log = logging.getLogger(__name__)


def open_engine(name: str, settings: "Settings") -> tuple[Engine, str]:
    """Open auto, ollama, embedded, openai or extractive; with it the reason why it is this one.

    `auto` takes Ollama if it answers and has the model, else embedded, else extractive. Raises
    EngineUnavailable if a named engine cannot run.
    """
    match name:
        case "ollama":
            from digest.engines.ollama import OllamaEngine

            return OllamaEngine(settings.ollama), ""
        case "embedded":
            from digest.engines.embedded import EmbeddedEngine
            from digest.model.weights import named

            chosen = settings.embedded
            own = named(chosen.model) if chosen.model else None
            return EmbeddedEngine(own, threads=chosen.threads, slots=chosen.slots), ""
        case "openai":
            from digest.engines.openai import OpenAIEngine

            return OpenAIEngine(settings.openai), ""
        case "extractive":
            from digest.engines.extractive import ExtractiveEngine

            return ExtractiveEngine(), "no model was asked for"
    reasons = []
    for candidate in ("ollama", "embedded"):
        try:
            engine, _ = open_engine(candidate, settings)
        except EngineUnavailable as error:
            reasons.append(str(error))
        else:
            return engine, "; ".join(reasons)
    engine, _ = open_engine("extractive", settings)
    return engine, "; ".join(reasons)


def open_or_degrade(settings: "Settings") -> tuple[Engine, str]:
    """Open the engine of the settings, or the extractive one if that cannot run, and say why.

    For who asked for that: an engine that the user named is not replaced behind their back.
    """
    try:
        return open_engine(settings.engine, settings)
    except EngineError as error:
        log.warning("%s; digests are taken from the text itself", error)
        engine, _ = open_engine("extractive", settings)
        return engine, str(error)
