"""The outside world: sources that text comes from, sinks that reports go to.

A SPEC is `kind:argument`. Kinds are looked up here and imported when they are first used.
"""

import importlib
from collections.abc import Mapping
from typing import cast

from digest.errors import ConfigError
from digest.protocols import Sink, Source

# kind -> "module:class"; the class is called with the SPEC and its argument.
SOURCES: Mapping[str, str] = {
    "folder": "integrations.folder:FolderSource",
    "mailbox": "integrations.mailbox:MailboxSource",
}
SINKS: Mapping[str, str] = {
    "folder": "integrations.folder:FolderSink",
}


def source(spec: str) -> Source:
    """The source that a SPEC names. Touches nothing yet: a missing path shows when it is read.

    Raises ConfigError for an unknown kind or an argument that cannot be right.
    """
    return cast(Source, _make(spec, SOURCES, "source"))


def sink(spec: str) -> Sink:
    """The sink that a SPEC names. Raises ConfigError as `source` does."""
    return cast(Sink, _make(spec, SINKS, "sink"))


def _make(spec: str, kinds: Mapping[str, str], noun: str) -> object:
    kind, colon, argument = spec.partition(":")
    if kind not in kinds:
        known = ", ".join(f"{name}:" for name in sorted(kinds))
        raise ConfigError(f"no {noun} kind in {spec!r}; write KIND:ARGUMENT with one of {known}")
    if not colon or not argument.strip():
        raise ConfigError(f"the {noun} {spec!r} lacks its argument; write {kind}:ARGUMENT")
    module, _, name = kinds[kind].partition(":")
    return getattr(importlib.import_module(module), name)(spec, argument.strip())
