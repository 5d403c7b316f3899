"""What Google's errors mean to the user: the cause, and the command or page that mends it."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from digest.errors import (
    AccessError,
    SinkError,
    SinkUnavailable,
    SourceError,
    SourceUnavailable,
)

CONSOLE = "https://console.cloud.google.com"
PACKAGES = "Google needs packages that are not installed; run `pip install 'newsdigest[google]'`"
TESTING_DAYS = 7  # Google ends the sign-ins of an app in the publishing status "Testing"


class GoogleError(SourceError, SinkError):
    """Google refused a request, and will refuse it again."""

    def __init__(self, message: str, status: int = 0, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class GoogleUnavailable(SourceUnavailable, SinkUnavailable):
    """Google did not answer, or asked to come back later."""


# 403 and 429 with these reasons mean "slower", not "no".
RATE_REASONS = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"})
LATER_REASONS = frozenset({"dailyLimitExceeded", "quotaExceeded", "sharingRateLimitExceeded"})


def command(account: str) -> str:
    """The command that signs in again."""
    return "digest auth google" + (f" --account {account}" if account != "default" else "")


# What the user must do, by Google's reason for a 403.
_ACTS = {
    "insufficientPermissions": (
        "account {account!r} has not granted what is needed to {what}; run `{command}` and leave "
        "every box ticked"
    ),
    "accessNotConfigured": (
        "the API needed to {what} is off in your Google project; switch it on at "
        f"{CONSOLE}/apis/library and run the command again"
    ),
    "domainPolicy": (
        "the administrator of account {account!r} forbids Digest to {what}; ask for its client id "
        "to be allowed"
    ),
}
_ACTS["ACCESS_TOKEN_SCOPE_INSUFFICIENT"] = _ACTS["insufficientPermissions"]
_ACTS["SERVICE_DISABLED"] = _ACTS["accessNotConfigured"]
_FULL = frozenset({"storageQuotaExceeded", "teamDriveFileLimitExceeded"})


def refused(status: int, body: object, account: str, what: str) -> SourceError | SinkError:
    """The error for an answer that repeating will not change. `what` names the request."""
    message, reason = explain(body)
    again = command(account)
    if status == 401:
        return AccessError(
            f"Google does not accept the sign-in of account {account!r} any more; run `{again}`"
        )
    if status == 403 and reason in _ACTS:
        return AccessError(_ACTS[reason].format(account=account, what=what, command=again))
    if reason in _FULL:
        return GoogleError("Google Drive is full; make room, then run `digest deliver`", status)
    if reason in LATER_REASONS:
        return GoogleUnavailable(f"Google's daily quota is used up ({reason}); try again tomorrow")
    detail = message or f"status {status}"
    return GoogleError(f"Google refused to {what}: {detail}", status, reason)


def explain(body: object) -> tuple[str, str]:
    """(message, reason) of an error body; ("", "") where there is none."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return "", ""
    reason = ""
    for detail in error.get("details") or ():
        if isinstance(detail, Mapping) and detail.get("reason"):
            reason = str(detail["reason"])
    for entry in error.get("errors") or ():
        if isinstance(entry, Mapping) and entry.get("reason"):
            reason = str(entry["reason"])
    return str(error.get("message") or ""), reason


def sign_in_lost(
    code: str,
    description: str,
    account: str,
    signed_in: datetime | None,
    expires: datetime | None,
    now: datetime,
) -> AccessError:
    """Why a refresh was refused.

    `code` and `description` are OAuth's; `signed_in` is when the user did, `expires` when Google
    said then that the sign-in would end, both None if unknown.
    """
    again = f"run `{command(account)}`"
    lowered = f"{code} {description}".lower()
    if "iat" in lowered.split() or "short-lived" in lowered or "clock" in lowered:
        cause = f"this machine's clock says {now:%Y-%m-%d %H:%M} UTC and Google's differs"
        return AccessError(f"{cause}; set the clock (`timedatectl set-ntp true`) and try again")
    if code in ("invalid_client", "unauthorized_client", "deleted_client"):
        return AccessError(
            "Google no longer knows this OAuth client (deleted, or its secret was changed); "
            f"download it again from {CONSOLE}/auth/clients and {again} --client FILE"
        )
    if code == "invalid_scope":
        return AccessError(f"what account {account!r} granted no longer fits; {again}")
    if code == "admin_policy_enforced":
        return AccessError(
            f"the administrator of account {account!r} forbids Digest; ask for its client id to "
            "be allowed"
        )
    if _was_testing(signed_in, expires, now):
        return AccessError(
            f"the sign-in of account {account!r} ended after {TESTING_DAYS} days because the "
            f'Google app is in "Testing"; press "Publish app" at {CONSOLE}/auth/audience, '
            f"then {again}"
        )
    return AccessError(
        f"Google ended the sign-in of account {account!r} (revoked, password changed, or unused "
        f"for six months); {again}"
    )


def _was_testing(signed_in: datetime | None, expires: datetime | None, now: datetime) -> bool:
    if expires is not None:
        return now >= expires - timedelta(minutes=5)
    if signed_in is None:
        return False
    # Google does not say it; a sign-in that ends within the day after its seventh was limited.
    age = now - signed_in
    return timedelta(days=TESTING_DAYS) - timedelta(minutes=5) <= age < timedelta(days=8)
