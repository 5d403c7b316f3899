"""`gmail:ADDRESS` as a sink: the report by e-mail from the user's own Gmail account."""

import base64

from digest.protocols import Delivery
from digest.settings import Settings
from integrations.google import auth
from integrations.google.api import Api, Json
from integrations.sinks import mail

UNITS_SEND, UNITS_GET = 100, 20
NEWEST = 25  # sent messages that are looked at after a crash


class GmailSink:
    """One recipient. After a crash the sent mail is asked before anything is sent again."""

    def __init__(self, spec: str, argument: str, settings: Settings) -> None:
        self.spec = spec
        self._to = mail.recipient(spec, argument)
        self._account = auth.Account.of(auth.named(spec), settings.google)
        self._google = settings.google

    def find(self, key: str, name: str) -> Delivery | None:
        """The delivery, if it is among the newest sent messages."""
        del name
        api = Api(self._account, self._google, auth.READ)
        found = _sent(api, key)
        return Delivery(self._to, str(found["id"])) if found else None

    def deliver(self, key: str, name: str, markdown: str, html: str) -> Delivery:
        """Send the report. Raises SinkError, SinkUnavailable, AccessError."""
        del name
        api = Api(self._account, self._google, auth.SEND, auth.READ)
        message = mail.compose("", self._to, key, markdown, html)  # Gmail puts the sender
        raw = base64.urlsafe_b64encode(message.as_bytes()).decode()
        sent = api.run(
            api.mailbox.messages().send(userId="me", body={"raw": raw}),
            "send the report",
            UNITS_SEND,
            unless=lambda: _sent(api, key),
        )
        return Delivery(self._to, str(sent["id"]))


def _sent(api: Api, key: str) -> Json | None:
    """The sent message of this delivery.

    Listed, not searched for: a search index lags behind, and this is asked right after sending.
    """
    marks = (mail.message_id(key).encode(), mail.reference(key).encode())
    messages, what = api.mailbox.messages(), "look into the sent mail"
    page = api.run(messages.list(userId="me", labelIds="SENT", maxResults=NEWEST), what)
    for entry in page.get("messages") or ():
        request = messages.get(userId="me", id=entry["id"], format="raw")
        held: Json = api.run(request, what, UNITS_GET)
        raw = base64.urlsafe_b64decode(held["raw"] + "==")
        if any(mark in raw for mark in marks):
            return held
    return None
