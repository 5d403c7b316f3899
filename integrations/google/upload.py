"""Uploads to Drive: one multipart request up to 5 MB, resumable above."""

import json
import re
import secrets
import time
from collections.abc import Callable

from integrations.google.api import Api, Json, Reply, jittered
from integrations.google.diagnosis import GoogleError, GoogleUnavailable

MULTIPART_LIMIT = 5 * 1024 * 1024  # bytes; Google's own limit
CHUNK = 8 * 1024 * 1024  # bytes; must be a multiple of 256 KiB
STALLED = 5  # failures in a row without a byte of progress
WHAT = "upload the report to Drive"


def upload(
    api: Api,
    path: str,
    meta: Json,
    content: bytes,
    kind: str,
    fields: str,
    unless: Callable[[], Json | None] | None = None,
) -> Json:
    """Create (`path` = the collection) or update (`path` = a file) and return the file.

    `unless` finds the file that an earlier, unanswered request made. Updates need none.
    """
    method = "POST" if path.endswith("/files") else "PATCH"
    send = _multipart if len(content) <= MULTIPART_LIMIT else _resumable
    return send(api, method, f"/upload{path}", meta, content, kind, fields, unless)


def _multipart(
    api: Api,
    method: str,
    path: str,
    meta: Json,
    content: bytes,
    kind: str,
    fields: str,
    unless: Callable[[], Json | None] | None,
) -> Json:
    boundary = secrets.token_hex(16)
    head = (
        f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{json.dumps(meta)}"
        f"\r\n--{boundary}\r\nContent-Type: {kind}\r\n\r\n"
    )
    return api.call(
        method,
        path,
        WHAT,
        params={"uploadType": "multipart", "fields": fields},
        data=head.encode() + content + f"\r\n--{boundary}--\r\n".encode(),
        headers={"Content-Type": f"multipart/related; boundary={boundary}"},
        unless=unless,
    ).body


def _resumable(
    api: Api,
    method: str,
    path: str,
    meta: Json,
    content: bytes,
    kind: str,
    fields: str,
    unless: Callable[[], Json | None] | None,
) -> Json:
    """Send in chunks; after a cut ask what arrived and go on from there."""
    session = _begin(api, method, path, meta, content, kind, fields)
    sent = failures = restarts = 0
    while True:
        try:
            reply = _put(api, session, content, sent)
        except GoogleUnavailable:
            failures += 1
            if failures > STALLED:
                raise
            time.sleep(jittered(failures))
            reply = _ask(api, session, len(content))
        except GoogleError as error:
            # Sessions live for a week at most; the file may be there although nobody said so.
            if error.status not in (404, 410) or restarts:
                raise
            if unless is not None and (found := unless()) is not None:
                return found
            restarts += 1
            session, sent = _begin(api, method, path, meta, content, kind, fields), 0
            continue
        if reply.status != 308:
            return reply.body
        arrived = _arrived(reply)
        failures = 0 if arrived > sent else failures
        sent = arrived


def _begin(
    api: Api, method: str, path: str, meta: Json, content: bytes, kind: str, fields: str
) -> str:
    # A session that nobody uses leaves nothing behind, so this may be repeated.
    reply = api.call(
        method,
        path,
        WHAT,
        params={"uploadType": "resumable", "fields": fields},
        json=meta,
        headers={"X-Upload-Content-Type": kind, "X-Upload-Content-Length": str(len(content))},
    )
    return reply.headers["Location"]


def _put(api: Api, session: str, content: bytes, sent: int) -> Reply:
    chunk = content[sent : sent + CHUNK]
    return api.call(
        "PUT",
        session,
        WHAT,
        accept=(200, 201, 308),
        data=chunk,
        headers={"Content-Range": f"bytes {sent}-{sent + len(chunk) - 1}/{len(content)}"},
        allow_redirects=False,
        repeat=False,
    )


def _ask(api: Api, session: str, size: int) -> Reply:
    return api.call(
        "PUT",
        session,
        WHAT,
        accept=(200, 201, 308),
        headers={"Content-Range": f"bytes */{size}"},
        allow_redirects=False,
    )


def _arrived(reply: Reply) -> int:
    """Bytes that the server holds, from `Range: bytes=0-N`; no such header means none."""
    match = re.search(r"-(\d+)$", reply.headers.get("Range", ""))
    return int(match[1]) + 1 if match else 0
