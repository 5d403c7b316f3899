"""The outside world: sources that text comes from, sinks that reports go to.

A SPEC is `kind:argument`. Kinds are looked up here and imported when they are first used.
"""

import importlib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, cast

from digest.errors import ConfigError
from digest.protocols import Sink, Source

if TYPE_CHECKING:
    from digest.settings import Settings

# kind -> "module:class"; the class is called with the SPEC and its argument.
SOURCES: Mapping[str, str] = {
    "feed": "integrations.sources.feed:FeedSource",
    "folder": "integrations.sources.folder:FolderSource",
    "gmail": "integrations.sources.gmail:GmailSource",
    "hackernews": "integrations.sources.hackernews:HackerNewsSource",
    "imap": "integrations.sources.imap:ImapSource",
    "mailbox": "integrations.sources.mailbox:MailboxSource",
    "reddit": "integrations.sources.reddit:RedditSource",
    "web": "integrations.sources.web:WebSource",
}
SINKS: Mapping[str, str] = {
    "drive": "integrations.sinks.drive:DriveSink",
    "folder": "integrations.sources.folder:FolderSink",
    "gmail": "integrations.sinks.gmail:GmailSink",
    "smtp": "integrations.sinks.smtp:SmtpSink",
}
# These take an account by the user's name for it: `gmail+work:label:news`.
WITH_ACCOUNT = frozenset({"drive", "gmail"})
# Of these, the class is called with the settings as well: hosts, accounts, passwords.
CONFIGURED = frozenset({"drive", "feed", "gmail", "hackernews", "imap", "reddit", "smtp", "web"})


def source(spec: str, settings: "Settings | None" = None, *, configured: bool = True) -> Source:
    """The source that a SPEC names. Touches nothing yet: a missing path shows when it is read.

    Without settings the defaults hold. A SPEC that no user wrote is not `configured`: `[http]
    allow` does not hold for it. Raises ConfigError for an unknown kind or an argument that cannot
    be right.
    """
    if settings and not configured:
        public = settings.http.model_copy(update={"allow": []})
        settings = settings.model_copy(update={"http": public})
    return cast(Source, _make(spec, SOURCES, "source", settings))


def sink(spec: str, settings: "Settings | None" = None) -> Sink:
    """The sink that a SPEC names. Raises ConfigError as `source` does."""
    return cast(Sink, _make(spec, SINKS, "sink", settings))


def _make(spec: str, kinds: Mapping[str, str], noun: str, settings: "Settings | None") -> object:
    kind, colon, argument = spec.partition(":")
    kind, plus, _ = kind.partition("+")
    if kind not in kinds or (plus and kind not in WITH_ACCOUNT):
        known = ", ".join(f"{name}:" for name in sorted(kinds))
        meant = _meant(spec, kind, noun, kinds)
        raise ConfigError(
            f"no {noun} kind in {spec!r}; write KIND:ARGUMENT with one of {known}{meant}"
        )
    if not colon or not argument.strip():
        raise ConfigError(f"the {noun} {spec!r} lacks its argument; write {kind}:ARGUMENT")
    module, _, name = kinds[kind].partition(":")
    make = getattr(importlib.import_module(module), name)
    if kind not in CONFIGURED:
        return make(spec, argument.strip())
    if settings is None:
        from digest.settings import Settings

        settings = Settings()
    return make(spec, argument.strip(), settings)


def _meant(spec: str, kind: str, noun: str, kinds: Mapping[str, str]) -> str:
    """`; did you mean ...?`, for what people write in the place of a SPEC."""
    if noun == "source" and kind in {"http", "https"}:
        return f"; did you mean feed:{spec}, or web:{spec} for this one page?"
    if noun == "source" and spec.startswith(("/", "~", ".")):
        return f"; did you mean mailbox:{spec}, or folder:{spec} for notes?"
    if noun == "sink" and spec.startswith(("/", "~", ".")):
        return f"; did you mean folder:{spec}?"
    if noun == "sink" and "@" in spec and ":" not in spec:
        return f"; did you mean smtp:{spec}?"
    near = get_close_matches(kind, kinds, 1)
    return f"; did you mean {near[0]}:{spec.partition(':')[2]}?" if near else ""
