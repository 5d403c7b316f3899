"""What a reader sees of evidence: quotation marks, and the passage that a statement stands in.

In markdown a statement in the source's own words stands in quotation marks. The HTML twin is made
of the same markdown; there each statement carries a marker, which becomes an element that shows
the passage around it on hover, on focus and on a tap, without a script.
"""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from digest.quote.plain import plain
from digest.records import Analyzed, Evidence
from digest.report.escape import address, clean

AROUND = 220  # characters of the text shown before and after a statement
_ENDS = 5  # words at each end of a statement by which a browser finds it
# Private-use characters: `escape.clean` takes them out of everything that comes from outside.
_OPEN, _SHUT, _STOP = "\ue000", "\ue001", "\ue002"
_MARKED = re.compile(rf"{_OPEN}(\d+){_SHUT}(.*?){_STOP}", re.DOTALL)
_PAGES = ("web", "feed", "reddit", "hackernews")  # sources whose text is that of a page


@dataclass(slots=True)
class Marker:
    """Numbers the statements of a report while it is written; `None` numbers write no markers."""

    active: bool = False
    seen: list[tuple[Analyzed, Evidence]] = field(default_factory=list)

    def mark(self, shown: str, one: Analyzed, evidence: Evidence) -> str:
        """`shown` (markdown of the statement) between markers, if they are wanted."""
        if not self.active:
            return shown
        self.seen.append((one, evidence))
        return f"{_OPEN}{len(self.seen) - 1}{_SHUT}{shown}{_STOP}"

    def resolve(self, page: str) -> str:
        """HTML whose markers became elements with their passages."""
        return _MARKED.sub(lambda found: self._element(int(found[1]), found[2]), page)

    def _element(self, number: int, inner: str) -> str:
        one, evidence = self.seen[number]
        where = "headline" if evidence.where == "title" else "text"
        how = {"quoted": "word for word", "shortened": "shortened", "written": "in other words"}
        note = f"{how[evidence.status].capitalize()} from the {where}"
        target = address(fragment_url(one, evidence))
        link = f' <a href="{html.escape(target)}">Read it in its place</a>' if target else ""
        before, said, after = passage(one, evidence)
        return (
            f'<span class="said" tabindex="0">{inner}<span class="passage" role="note">'
            f"<b>{note}.</b> {html.escape(before)}<mark>{html.escape(said)}</mark>"
            f"{html.escape(after)}{link}</span></span>"
        )


def statements(one: Analyzed, name: str) -> list[Evidence]:
    """The evidence of one field, in order."""
    return [evidence for evidence in one.digest.evidence if evidence.field == name]


def runs(said: Sequence[Evidence], summary: str) -> Iterator[list[Evidence]]:
    """Statements of a summary, those together that follow each other without a gap."""
    run: list[Evidence] = []
    place = 0
    for one in said:
        found = summary.find(one.statement, place)
        gap = summary[place:found].strip() if found >= 0 else "…"
        if run and gap:
            yield run
            run = []
        run.append(one)
        place = found + len(one.statement) if found >= 0 else place
    if run:
        yield run


def passage(one: Analyzed, evidence: Evidence) -> tuple[str, str, str]:
    """The words before a statement, its own as they stand in the source, and those after it."""
    source = one.item.title if evidence.where == "title" else one.item.text
    start, end = evidence.start, evidence.end
    before = plain(source[max(0, start - 2 * AROUND) : start])[-AROUND:]
    after = plain(source[end : end + 2 * AROUND])[:AROUND]
    if start > AROUND or len(before) == AROUND:
        before = "…" + before.partition(" ")[2]
    if len(after) == AROUND:
        after = after.rpartition(" ")[0] + "…"
    said = plain(source, start, end)
    return (clean(f"{before} ") + " " if before else "", clean(said, 2000), f" {clean(after)}")


def fragment_url(one: Analyzed, evidence: Evidence) -> str:
    """The page's address with a text fragment (`#:~:text=`), "" where the source is no page."""
    kind = one.document.source.partition(":")[0].partition("+")[0]
    url = one.document.url or one.item.url
    if kind not in _PAGES or evidence.where == "title" or not url.startswith("http"):
        return ""
    words = plain(one.item.text, evidence.start, evidence.end).split()
    if len(words) > 2 * _ENDS:
        parts = [" ".join(words[:_ENDS]), " ".join(words[-_ENDS:])]
    else:
        parts = [" ".join(words)]
    # Commas and dashes part the directive's own fields.
    wanted = ",".join(quote(part, safe="").replace("-", "%2D") for part in parts)
    return f"{url.partition('#')[0]}#:~:text={wanted}"
