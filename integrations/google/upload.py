"""Uploads to Drive: one multipart request up to 5 MB, resumable in chunks above."""

import json
import secrets
from collections.abc import Callable
from typing import Any

from integrations.google.api import Api, Json, whole
from integrations.google.diagnosis import GoogleError, GoogleUnavailable

MULTIPART_LIMIT = 5 * 1024 * 1024  # bytes; Google's own limit
CHUNK = 8 * 1024 * 1024  # bytes; must be a multiple of 256 KiB
STALLED = 5  # chunks in a row of which nothing arrived
WHAT = "upload the report to Drive"


def upload(
    api: Api,
    file: str,
    meta: Json,
    content: bytes,
    kind: str,
    fields: str,
    unless: Callable[[], Json | None] | None = None,
) -> Json:
    """Create a file (`file` = "") or update the one of that id, and return it.

    `unless` finds the file that an earlier, unanswered request made. Updates need none.
    """
    from googleapiclient.http import MediaInMemoryUpload

    large = len(content) > MULTIPART_LIMIT

    def request() -> Any:
        media = MediaInMemoryUpload(content, mimetype=kind, chunksize=CHUNK, resumable=large)
        if file:
            return api.files.update(fileId=file, body=meta, media_body=media, fields=fields)
        return api.files.create(body=meta, media_body=media, fields=fields)

    if large:
        return _in_chunks(api, request, unless)
    one = request()
    one.body, one.headers["content-type"] = _multipart(meta, content, kind)
    made: Json = api.run(one, WHAT, unless=unless)
    return made


def _multipart(meta: Json, content: bytes, kind: str) -> tuple[bytes, str]:
    """Body and content type with CRLF between the parts (RFC 2046, 5.1.1): the client writes LF,
    which Google takes and stricter servers do not.
    """
    boundary = secrets.token_hex(16)
    head = (
        f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{json.dumps(meta)}"
        f"\r\n--{boundary}\r\nContent-Type: {kind}\r\n\r\n"
    )
    body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/related; boundary={boundary}"


def _in_chunks(
    api: Api, begin: Callable[[], Any], unless: Callable[[], Json | None] | None
) -> Json:
    """Send in chunks; after a cut the client asks what arrived and goes on from there."""
    request, restarts, stalled = begin(), 0, 0
    while stalled < STALLED:
        sent = request.resumable_progress
        try:
            _, made = api.repeat(request.next_chunk, WHAT)
            if made is None:
                stalled = 0 if request.resumable_progress > sent else stalled + 1
                continue
            answer: Json = whole(made)
            return answer
        except (GoogleError, ValueError) as error:
            # Sessions live for a week at most; the file may be there although nobody said so.
            if getattr(error, "status", 404) not in (404, 410) or restarts:
                raise
            if unless is not None and (found := unless()) is not None:
                return found
            request, restarts = begin(), restarts + 1
    raise GoogleUnavailable(f"cannot {WHAT} now: nothing of it arrives; try again later")
