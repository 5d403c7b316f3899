"""The HTML twin: the markdown as one self-contained page without scripts."""

import base64
import hashlib
from html import escape
from importlib.resources import files

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin
from mdit_py_plugins.front_matter import front_matter_plugin

from digest.report.counts import Counts, engines
from digest.report.escape import clean_line
from digest.report.markdown import slug
from digest.report.model import Contents
from digest.report.phrases import stamp


def page(contents: Contents, counts: Counts, markdown: str) -> str:
    """Render a report's markdown; its front matter becomes a table."""
    style = files("digest.report").joinpath("style.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    markdown_reader = reader()
    tokens = markdown_reader.parse(markdown)
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>{escape(contents.title)}</title>
<style>{style}</style>
</head>
<body>
{navigation(contents, tokens)}
<main>
{markdown_reader.renderer.render(tokens, markdown_reader.options, {})}
{facts(contents, counts)}
</main>
</body>
</html>
"""


def reader() -> MarkdownIt:
    """CommonMark without HTML; headings get the anchors that the markdown links to."""
    return (
        MarkdownIt("commonmark", {"html": False})
        .use(front_matter_plugin)
        .use(anchors_plugin, max_level=3, slug_func=slug)
    )


def navigation(contents: Contents, tokens: list[Token]) -> str:
    """The second-level headings, with sizes where they hold stories, for a wide screen's side."""
    sizes = {one.title: len(one.entries) for one in contents.sections}
    sizes |= {title: len(stories) for title, stories in contents.apart}
    rows = []
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            title = tokens[place + 1].content
            size = f" <span>{sizes[title]}</span>" if title in sizes else ""
            anchor = escape(str(token.attrs["id"]))
            rows.append(f'<li><a href="#{anchor}">{escape(title)}</a>{size}</li>')
    return '<nav aria-label="Sections">\n<ul>\n' + "\n".join(rows) + "\n</ul>\n</nav>"


def facts(contents: Contents, counts: Counts) -> str:
    """The front matter as a table."""
    used = engines(contents.analyzed)
    rows = {
        "Written": stamp(contents.generated),
        "Period": f"{stamp(contents.period[0])} to {stamp(contents.period[1])}",
        "Sources": ", ".join(clean_line(source, 500) for source in contents.sources),
        "Engine": ", ".join(dict.fromkeys(clean_line(engine) for engine, _ in used)),
        "Model": ", ".join(dict.fromkeys(clean_line(model) for _, model in used)),
        **{name.replace("_", " ").capitalize(): f"{n:,}" for name, n in counts.as_dict().items()},
    }
    body = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in rows.items()
    )
    return f'<table class="facts">\n<caption>At a glance</caption>\n{body}\n</table>'
