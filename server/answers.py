"""Tool results: structured content and its compact text copy, marked as untrusted."""

import json

from mcp_types import CallToolResult, TextContent

from server import models, outside


def answer(value: models.Answer) -> CallToolResult:
    """Both forms of a result. What is empty and optional is left out."""
    content = value.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return CallToolResult(
        content=[TextContent(type="text", text=text)],
        structured_content=content,
        _meta=outside.META if value.notice else None,
    )
