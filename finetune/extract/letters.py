"""Labelled and drawn letters as the fit needs them: the outline in numbers, the texts in rows."""

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from digest.extract import boilerplate, form, items, looks, talk
from digest.extract.signs import picture
from digest.extract.unheaded import Outline
from digest.html import layout, plaintext
from digest.html.blocks import Block
from digest.mail import charset, message
from finetune.extract import shapes
from finetune.extract.alignment import align

PUBLISHERS = Path(__file__).with_name("publishers.json")


@dataclass
class Letter:
    """A letter with what it is known to be.

    `outline` is empty where the rules see no items in it; `rows` and `talk` go together, a block of
    an item's text each, `whole` and `whole_talk` a block of the page each (-1: nobody knows).
    """

    publisher: str
    several: bool
    label: dict[str, Any] = field(default_factory=dict)
    outline: list[float] = field(default_factory=list)
    rows: list[list[float]] = field(default_factory=list)
    talk: list[int] = field(default_factory=list)
    whole: list[list[float]] = field(default_factory=list)
    whole_talk: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    marks: str = ""


def publishers(side: str) -> dict[str, str]:
    """The publisher of each letter on this side of the split, by digits of the letter's hash."""
    found = json.loads(PUBLISHERS.read_text("utf-8"))[side]
    return {letter: publisher for publisher, letters in found.items() for letter in letters}


def labelled(folder: Path, side: str) -> Iterator[tuple[str, dict[str, Any], bytes]]:
    """Publisher, label and bytes of each labelled letter on this side of the split."""
    known = publishers(side)
    for line in (folder / "labels.jsonl").read_text("utf-8").splitlines():
        label = json.loads(line)
        content = (folder / label["file"]).read_bytes()
        publisher = known.get(hashlib.sha256(content).hexdigest()[:16])
        if publisher is not None:
            yield publisher, label, content


def read(publisher: str, label: dict[str, Any], content: bytes) -> Letter:
    """A labelled letter, read as `digest.extract` reads it."""
    if label["file"].endswith(".html"):
        html, drawn, title = charset.decode(content, None, html=True)[0], True, ""
    else:
        found = message.parse(content)
        html, drawn = found.html or plaintext.from_text(found.plain), bool(found.html)
        title = found.subject
    page = layout.read(html)
    title = " ".join((title or page.title).split())
    text = [block for block in page.blocks if block.text and not picture(block)]
    marks = align([block.text for block in text], label)
    several = label["form"] == "multi" or len(label["items"]) > 2
    letter = Letter(publisher, several, label, texts=[block.text for block in text], marks=marks)
    _weigh(letter, page.blocks, text, title, drawn)
    return letter


def drawn(pool: shapes.Pool, seed: int) -> Letter:
    """A letter drawn by chance."""
    name, sheet = shapes.draw(pool, seed)
    page = layout.read(sheet.page())
    text = [block for block in page.blocks if block.text and not picture(block)]
    lines = [(" ".join(line.split())[:60], what) for line, what in sheet.lines]
    marks, at = "", 0
    for block in text:
        found = next((n for n in range(at, min(at + 6, len(lines)))
                      if lines[n][0] == block.text[:60]), None)  # fmt: skip
        marks += "?" if found is None else lines[found][1]
        at = at if found is None else found + 1
    letter = Letter("", name in ("digest", "shop"), marks=marks)
    title = random.Random(seed).choice(pool.titles)  # noqa: S311 - nothing secret
    _weigh(letter, page.blocks, text, title, True)
    return letter


def _weigh(
    letter: Letter, page: Sequence[Block], text: list[Block], title: str, drawn: bool
) -> None:
    """Put the letter in numbers."""
    kept = boilerplate.clean(page, twins=drawn)

    def form_of(plan: Outline) -> float:
        letter.outline = form.features(plan)
        return float(letter.several)

    drafts = items.split(kept, title, page, form_of)
    at = {id(span): n for n, block in enumerate(text) for span in block.spans}
    bodies = [draft.blocks for draft in drafts]
    size = looks.body_size(kept)
    for body, rows in zip(bodies, talk.features(bodies, size), strict=True):
        for block, row in zip(body, rows, strict=True):
            number = next((at[id(span)] for span in block.spans if id(span) in at), None)
            mark = "?" if number is None else letter.marks[number]
            letter.rows.append(row)
            letter.talk.append(-1 if mark == "?" else int(mark in "OS"))
    if letter.publisher:
        letter.whole = talk.features([text], looks.body_size(text))[0]
        letter.whole_talk = [int(mark in "OS") for mark in letter.marks]


def pool(letters: Sequence[Letter]) -> shapes.Pool:
    """The texts of labelled letters, to be set anew."""
    found = shapes.Pool()
    for letter in letters:
        titles = [item["title"] for item in letter.label["items"]]
        found.titles += [title for title in titles if len(title.split()) > 2]
        inner = [n for n, mark in enumerate(letter.marks) if mark in "BI"]
        for number in inner:
            text, count = letter.texts[number], len(letter.texts[number].split())
            if count >= 14 and len(text) < 1500:
                (found.stories if letter.several else found.letters).append(text)
            elif 3 <= count < 14:
                found.lines.append(text)
        if inner:
            found.above.append([t for t in letter.texts[: inner[0]][-6:] if len(t) < 300] or [""])
            found.below.append([t for t in letter.texts[inner[-1] + 1 :][:16] if len(t) < 900])
    return found
