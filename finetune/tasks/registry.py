"""The tasks by name, and what an adapter was taught.

digest      a story's digest, for any subset of its fields (finetune.tasks.digests)
text        to continue texts like these (finetune.tasks.text)
template    to fill in a template (finetune.tasks.template)
summarize   summaries in one language, of at most so many words (finetune.tasks.summaries)

What a trained adapter was taught lies beside its weights, in task.json: the same keys as in a
run's configuration. An adapter without it writes digests.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from digest.errors import ConfigError
from finetune.config import Config
from finetune.tasks.base import Task

FILE = "task.json"
_KEYS = ("task", "template", "lang", "n_words")


def open_task(config: Config) -> Task:
    """The task of a run. Raises ConfigError for settings that it cannot work with."""
    match config.task:
        case "text":
            from finetune.tasks.text import Text

            return Text(config.data)
        case "template":
            from finetune.tasks.template import Template

            return Template(config.template, config.data)
        case "summarize":
            from finetune.tasks.summaries import Summaries

            return Summaries(config.lang, config.n_words, config.data)
        case _:
            from finetune.tasks.digests import Digests

            return Digests(config.data)


def settings(config: Config) -> dict[str, Any]:
    """What makes a task the one that it is; nothing for digests."""
    return {} if config.task == "digest" else {key: getattr(config, key) for key in _KEYS}


def open_taught(taught: Mapping[str, Any]) -> Task:
    """The task of what `settings` or `read` gave. Raises ConfigError."""
    return open_task(Config.model_validate(dict(taught)))


def write(folder: Path, taught: Mapping[str, Any]) -> None:
    """Write task.json beside an adapter; nothing for digests."""
    if taught:
        (folder / FILE).write_text(json.dumps(taught, ensure_ascii=False, indent=1), "utf-8")


def read(folder: Path) -> dict[str, Any]:
    """What the adapter or the exported model in a folder was taught. Raises ConfigError."""
    path = folder / FILE
    if not path.is_file():
        return {}
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        open_taught(found)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{path} is no description of a task: {error}") from error
    return found
