"""Tool results: structured content and its compact text copy, marked as untrusted."""

import json
from typing import Any

from mcp_types import CallToolResult, TextContent

from digest.report.escape import address
from server import boundary, results

URL_CHARS = 300  # a tracking link may take a thousand; the resource has it in full


def answer(value: results.Answer) -> CallToolResult:
    """Both forms of a result. What is empty and optional is left out."""
    quotes = isinstance(value, results.Quoting)
    content: dict[str, Any] = {"notice": boundary.NOTICE} if quotes else {}
    content |= value.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return CallToolResult(
        content=[TextContent(type="text", text=text)],
        structured_content=content,
        _meta=boundary.META if quotes else None,
    )


def short(url: str) -> str:
    """The address, if it is one that may be followed and is not over-long; else ""."""
    return address(url) if len(url) <= URL_CHARS else ""
