"""`gmail:label:NAME` or `gmail:QUERY`: mail of a Gmail account, as raw messages.

A label is followed by Gmail's history, so that nothing between two runs is missed; a query is
listed again with two days of overlap, because Gmail's search index lags behind its mailbox.
"""

import base64
import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from digest.errors import ConfigError
from digest.records import RawDocument, Skip
from digest.settings import Settings
from integrations.google import auth
from integrations.google.api import Api, Json
from integrations.google.diagnosis import GoogleError

log = logging.getLogger(__name__)

ME = "me"  # the account that is signed in
OVERLAP = 2 * 86_400  # seconds
# Quota units of May 2026.
UNITS_GET, UNITS_LIST, UNITS_HISTORY, UNITS_LABELS, UNITS_MODIFY = 20, 5, 2, 1, 50
PAGE = 500
BATCH = 1000  # the most ids that messages.batchModify takes


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the reading stands: all mail since `since` was read up to history id `history`.

    `at` is when that was; both are seconds since 1970. `history` is "" if the mailbox was empty.
    """

    at: int
    since: int
    history: str


class GmailSource:
    """The mail under a label, or the mail that a search finds."""

    cursor = ""

    def __init__(self, spec: str, argument: str, settings: Settings) -> None:
        self.spec = spec
        self._label = argument.removeprefix("label:") if argument.startswith("label:") else ""
        self._query = argument
        self._account = auth.Account.of(auth.named(spec), settings.google)
        self._google = settings.google
        self._taken: list[str] = []

    def fetch(self, since: datetime | None, cursor: str = "") -> Iterator[RawDocument | Skip]:
        """Yield what came since `since`, or since the cursor was taken.

        Raises SourceError, and ConfigError for a label that is not there.
        """
        changes = self._google.label or self._google.mark_read
        self._api = api = Api(self._account, self._google, auth.MODIFY if changes else auth.READ)
        self._taken = []
        begin = int(since.timestamp()) if since else 0
        before = _cursor(cursor)
        if before and begin < before.since:
            before = None  # the user asks for more than was ever read
        label = self._label_id(api)
        # Pinned before anything is listed: what arrives meanwhile is found again, never missed.
        now = Cursor(int(time.time()), before.since if before else begin, _newest_history(api))
        ids = None
        if label and before and before.history:
            ids = _changes(api, label, before.history)
        if ids is None:
            # Reading for the first time, a search, or a history that Gmail has forgotten.
            after = before.at - OVERLAP if before else begin
            ids = _listing(api, label, "" if label else self._query, after)
            before = None
        # An old mail that gets the label today has come today.
        earliest = datetime.fromtimestamp(before.at if before else 0, UTC)
        for number in ids:
            raw = self._message(api, number, earliest)
            if raw is not None:
                yield raw
                self._taken.append(number)
        self.cursor = json.dumps(asdict(now))

    def mark(self) -> None:
        """Put the configured label on what was read, and mark it as read, if configured."""
        google, body = self._google, Json()
        if google.label:
            body["addLabelIds"] = [self._made_label(google.label)]
        if google.mark_read:
            body["removeLabelIds"] = ["UNREAD"]
        if not body:
            return
        for start in range(0, len(self._taken), BATCH):
            part = {"ids": self._taken[start : start + BATCH], **body}
            request = self._api.mailbox.messages().batchModify(userId=ME, body=part)
            self._api.run(request, "label the mail that was read", UNITS_MODIFY)

    def _message(self, api: Api, number: str, earliest: datetime) -> RawDocument | None:
        try:
            request = api.mailbox.messages().get(userId=ME, id=number, format="raw")
            message = api.run(request, "read mail", UNITS_GET)
        except GoogleError as error:
            if error.status == 404:
                log.debug("message %s was deleted meanwhile", number)
                return None
            raise
        return RawDocument(
            source=self.spec,
            media_type="message/rfc822",
            content=base64.urlsafe_b64decode(message["raw"] + "=="),
            origin=f"https://mail.google.com/mail/#all/{number}",
            published=max(
                earliest, datetime.fromtimestamp(int(message["internalDate"]) / 1000, UTC)
            ),
        )

    def _label_id(self, api: Api) -> str:
        """The id of the label; "" if the argument is a search."""
        if not self._label:
            return ""
        labels = _labels(api)
        if found := labels.get(_plain(self._label)):
            return found
        if any(character in self._label for character in ' :(){}"'):
            return ""  # `label:news from:somebody` is a search
        known = ", ".join(sorted(labels))
        raise ConfigError(
            f"{self.spec}: there is no label {self._label!r} in Gmail; there are {known}"
        )

    def _made_label(self, name: str) -> str:
        def held() -> Json | None:
            found = _labels(self._api).get(_plain(name))
            return {"id": found} if found else None

        found = held()
        if found is None:
            request = self._api.mailbox.labels().create(userId=ME, body={"name": name})
            found = self._api.run(request, f"make the label {name}", unless=held)
        return str(found["id"])


def _cursor(text: str) -> Cursor | None:
    try:
        return Cursor(**json.loads(text)) if text else None
    except (ValueError, TypeError):
        return None  # another version's: read as if for the first time


def _plain(name: str) -> str:
    """Label names as Gmail's search compares them: `News/AI letters` = `news-ai-letters`."""
    return name.casefold().replace(" ", "-").replace("/", "-")


def _labels(api: Api) -> dict[str, str]:
    held = api.run(api.mailbox.labels().list(userId=ME), "list labels", UNITS_LABELS)
    return {_plain(label["name"]): str(label["id"]) for label in held.get("labels") or ()}


def _newest_history(api: Api) -> str:
    """The history id of the newest message: never later than the mailbox's own."""
    messages = api.mailbox.messages()
    page = api.run(messages.list(userId=ME, maxResults=1), "list mail", UNITS_LIST)
    for entry in page.get("messages") or ():
        request = messages.get(userId=ME, id=entry["id"], format="minimal")
        return str(api.run(request, "read mail", UNITS_GET)["historyId"])
    return ""


def _listing(api: Api, label: str, query: str, after: int) -> list[str]:
    """Ids of the messages under a label or of a search, after a moment, oldest first."""
    if query and " OR " in query:
        query = f"({query})"
    ids: list[str] = []
    token = ""
    while True:
        request = api.mailbox.messages().list(
            userId=ME,
            labelIds=label or None,
            q=(f"{query} after:{after}".strip() if after else query) or None,
            maxResults=PAGE,
            pageToken=token or None,
        )
        page = api.run(request, "list mail", UNITS_LIST)
        ids += [str(entry["id"]) for entry in page.get("messages") or ()]
        token = page.get("nextPageToken") or ""
        if not token:
            # A message that arrives between two pages moves the others: each id once.
            return list(dict.fromkeys(reversed(ids)))


def _changes(api: Api, label: str, start: str) -> list[str] | None:
    """Ids of messages that got the label since a history id; None if Gmail has forgotten it."""
    ids: list[str] = []
    token = ""
    while True:
        try:
            request = api.mailbox.history().list(
                userId=ME,
                startHistoryId=start,
                historyTypes=["messageAdded", "labelAdded"],
                labelId=label,
                maxResults=PAGE,
                pageToken=token or None,
            )
            page = api.run(request, "follow the mailbox", UNITS_HISTORY)
        except GoogleError as error:
            if error.status == 404:
                return None
            raise
        for record in page.get("history") or ():
            ids += _added(record.get("messagesAdded"), label)
            ids += _added(record.get("labelsAdded"), label)
        token = page.get("nextPageToken") or ""
        if not token:
            return list(dict.fromkeys(ids))


def _added(entries: Sequence[Json] | None, label: str) -> Iterator[str]:
    for entry in entries or ():
        held = [*entry.get("labelIds", ()), *entry["message"].get("labelIds", ())]
        if not held or label in held:
            yield str(entry["message"]["id"])
