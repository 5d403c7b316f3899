"""Whether a sink can be expected to take a report, asked before hours of work, not after.

Looks at this machine alone: a server that is down is found out when it is its turn.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from digest.errors import AccessError, DigestError, SinkError

if TYPE_CHECKING:
    from digest.settings import Settings


def problem(spec: str, settings: "Settings") -> DigestError | None:
    """What stands in the way of delivering to the sink of this SPEC; None if nothing is known."""
    kind = spec.partition(":")[0].partition("+")[0]
    try:
        if kind in {"gmail", "drive"}:
            from integrations.google import auth, check

            check.by_file(auth.Account.of(auth.named(spec), settings.google), settings)
        elif kind == "smtp" and settings.smtp.user and not settings.smtp.password:
            return AccessError(
                f"{settings.smtp.host} needs the password of {settings.smtp.user}; "
                "set DIGEST_SMTP__PASSWORD"
            )
        elif kind == "folder":
            _folder(Path(spec.partition(":")[2].strip()).expanduser())
    except DigestError as error:
        return error
    return None


def _folder(path: Path) -> None:
    """Raise SinkError if something that is no folder stands in the way."""
    for place in (path, *path.parents):
        if place.is_dir():
            return
        if place.exists():
            raise SinkError(f"{place} is no folder; the report cannot be written there")
