"""A report as an e-mail: HTML with a plain alternative, and a Message-ID made from its key."""

import re
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from digest.errors import ConfigError

DOMAIN = "newsdigest.invalid"  # reserved: a Message-ID under it can be nobody else's


def recipient(spec: str, argument: str) -> str:
    """The one address in a SPEC. Raises ConfigError.

    Recipients come from configuration only: nothing that was read can name one.
    """
    if not re.fullmatch(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+", argument):
        raise ConfigError(f"{spec!r} names no mail address; write one, like reader@example.com")
    return argument


def message_id(key: str) -> str:
    """Of the delivery under this idempotency key: the same whenever it is sent."""
    return f"<digest.{key}@{DOMAIN}>"


def reference(key: str) -> str:
    """An id in `References`, which survives where a provider writes its own Message-ID."""
    return f"<delivery.{key}@{DOMAIN}>"


def compose(sender: str, to: str, key: str, markdown: str, html: str) -> EmailMessage:
    """The report as a message. The subject is the report's first heading."""
    message = EmailMessage(policy=SMTP)
    if sender:
        message["From"] = sender
    message["To"] = to
    message["Subject"] = subject(markdown)
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = message_id(key)
    message["References"] = reference(key)
    message["Auto-Submitted"] = "auto-generated"  # no answers from vacation programs
    body = re.sub(r"\A---\n.*?\n---\n+", "", markdown, count=1, flags=re.DOTALL)
    message.set_content(body, cte="quoted-printable")
    if html:
        message.add_alternative(html, subtype="html", cte="quoted-printable")
    return message


def subject(markdown: str) -> str:
    """The text of the first heading, as plain text."""
    match = re.search(r"^# +(.+)$", markdown, flags=re.MULTILINE)
    heading = re.sub(r"\\([^\w\s])", r"\1", match[1]) if match else "Digest"
    return " ".join(heading.split())[:200]
