"""Reports as pages: markdown with pictures beside it, and HTML all in one."""

import base64
from collections.abc import Mapping
from html import escape
from pathlib import Path

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
       color: #1a1a1a; background: #fff }
table { border-collapse: collapse; font-size: 13px; display: block; overflow-x: auto }
th, td { border-bottom: 1px solid #ddd; padding: .25rem .6rem; text-align: left;
         white-space: nowrap; font-variant-numeric: tabular-nums }
td:last-child { white-space: normal }
img { max-width: 100%; height: auto }
code { font-size: 90% }
"""


def plain(text: str) -> str:
    """Text from outside, harmless in markdown."""
    return "".join(f"\\{c}" if c in "\\`*[]<>|#!&" else c for c in " ".join(text.split()))


def html(text: str, images: Mapping[str, Path], title: str) -> str:
    """Markdown as one HTML page; `images` are drawn into it, by the links they have there."""
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    for link, path in images.items():
        data = base64.b64encode(path.read_bytes()).decode()
        body = body.replace(f'src="{link}"', f'src="data:image/png;base64,{data}"')
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n"
        f"<body>\n{body}</body>\n</html>\n"
    )
