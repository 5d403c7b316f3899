"""Letters of every shape, drawn by chance, to fit with beside the labelled ones.

Forty publishers do not show all the ways in which a letter can be laid out. So their texts are set
anew: heads of any kind, rules, cells or pictures between, bullets, labels, buttons, sponsors;
essays with sub-heads, quotations, embedded posts and lists; appeals with ladders of sums; notices;
shelves of products. What each line is, is known, because it was put there: "B" begins an item,
"I" belongs to it, "S" names a section, "O" is talk around.
"""

import random
from collections.abc import Callable, Sequence
from html import escape

from finetune.extract.sheet import Pool, Sheet, Type


def _listed(text: str) -> list[str]:
    return text.split("|")


NAMES = ["Anna Keller", "J. Ortiz", "Mary Poole", "Tom Hale", "Ines Duarte", "Kenji Mori"]
ROLES = ["Editor", "Campaign manager", "Member of Congress"]
SECTIONS = _listed(
    "News|In brief|Events|Upcoming events|Jobs|Top stories|Around the web|Quick "
    "links|Opinion|What we are reading|Kurz gemeldet|Termine|Agenda|À "
    "lire|Noticias|Local|Research|Tools|Sports|Culture|In the district|Press|From the "
    "archive|Business|Science & health|Podcast|This week|ニュース|What happened|Why it "
    "matters|The bottom line|What's next"
)
MORE = _listed(
    "Read more|Read the full story|Continue reading →|Learn more|Weiterlesen|Mehr "
    "erfahren|Lire la suite|Leer más|Details|Full story|View|Saiba mais|続きを読む"
)
GREETINGS = _listed(
    "Dear friends,|Hi there,|Hello,|Dear reader,|Liebe Leserinnen und Leser,|Friend "
    "--|Bonjour,|Hola a todos,|Good morning!|Guten Morgen,|Olá,"
)
FAREWELLS = _listed(
    "Best,|Sincerely,|Thanks,|Yours,|Best regards,|Viele Grüße|Cheers,|In "
    "solidarity,|Cordialement,|Until next week,|Have a great weekend!|Onward,|Um abraço,"
)
SPONSORS = _listed(
    "Sponsored|Sponsor|Advertisement|Anzeige|In partnership with Halden|Presented by "
    "Halden|A message from our sponsor|Publicité"
)
SUMS = _listed(
    "Donate $5|$10|Chip in $25 →|Donate $50 now|$100|Other amount|Give $5|CONTRIBUTE "
    "$27|DONATE|ADD YOUR NAME|SIGN THE PETITION"
)
CALLS = _listed(
    "Chip in now|Please add your name to demand action today.|Will you make a donation of "
    "$5 today?|If you can, click here to donate.|Sign the petition now to show your "
    "support."
)
CLOSING = _listed(
    "Thanks for reading!|That's all for this week.|Know someone who would enjoy this? "
    "Forward it.|What did you think of this issue?|Loved it - It was ok - Hated it|Leave a "
    "comment|Share|Subscribe now|Got feedback? Just hit reply."
)
BYLINES = ["By Anna Keller", "Von Tom Hale", "J. Ortiz, staff writer", "3 min read", "May 4, 2023"]
PRICES = ["$9.99", "€ 19,90", "Now only $24.95", "£12.00", "29,95 €"]


def _around(sheet: Sheet, lines: Sequence[str], share: float) -> None:
    style = sheet.chance.choice(["font-size:11px", "font-size:12px;color:#777", "", ""])
    for line in lines:
        text = " ".join(line.split())
        if not text or not sheet.odds(share):
            continue
        if len(text) < 80 and sheet.odds(0.35):
            sheet.link(text, "O", style)
        else:
            sheet.text(text, "O", 0.1, style)


def _top(sheet: Sheet) -> None:
    if sheet.odds(0.7):
        _around(sheet, sheet.chance.choice(sheet.pool.above)[-sheet.chance.randint(1, 6) :], 0.8)
        sheet.divide(sheet.chance.choice(["cell", "", "picture"]))


def _bottom(sheet: Sheet) -> None:
    sheet.divide(sheet.chance.choice(["cell", "cell", "rule", ""]))
    _around(sheet, sheet.chance.choice(sheet.pool.below), 0.9)


def _sign(sheet: Sheet, share: float) -> None:
    if sheet.odds(share):
        sheet.text(sheet.chance.choice(FAREWELLS), "O", 0)
        for _ in range(sheet.chance.choice([1, 1, 2])):
            sheet.text(sheet.chance.choice(NAMES + ROLES), "O", 0)


def _bullets(sheet: Sheet, share: float = 1.0) -> None:
    """A list inside a text."""
    if not sheet.odds(share):
        return
    how = sheet.chance.choice(["plain", "plain", "linked", "bold"])
    sheet.html.append("<ul>")
    for _ in range(sheet.chance.randint(3, 6)):
        long = sheet.odds(0.5) or not sheet.pool.lines
        text = sheet.chance.choice(sheet.pool.letters)[:160] if long else ""
        text = " ".join((text or sheet.chance.choice(sheet.pool.lines)).split())
        first, rest = " ".join(text.split()[:3]), " ".join(text.split()[3:])
        inner = escape(text)
        if how == "linked":
            inner = f'<a href="{sheet.url()}">{inner}</a>'
        elif how == "bold" and rest:
            inner = f"<b>{escape(first)}</b> {escape(rest)}"
        sheet.put(f"<li>{inner}</li>", text, "I")
    sheet.html.append("</ul>")


def _advert(sheet: Sheet, type_: Type) -> None:
    small = sheet.chance.choice(["font-size:11px", "color:#888", "font-weight:bold", ""])
    sheet.text(sheet.chance.choice(SPONSORS), "O", 0, small)
    headed = sheet.odds(0.6)
    if headed:
        sheet.head(sheet.chance.choice(sheet.pool.titles), "B", type_, sheet.url())
    sheet.text(sheet.chance.choice(sheet.pool.stories), "I" if headed else "B", 0.9)


Piece = Callable[[Sheet, str, Type], None]


def _story(sheet: Sheet, title: str, type_: Type) -> None:
    url = sheet.url()
    sheet.head(title, "B", type_, url)
    if sheet.odds(0.2):
        sheet.text(sheet.chance.choice(BYLINES), "O", 0, "font-size:12px")
    for number in range(sheet.chance.choice([1, 1, 1, 2, 3, 5])):
        if number and sheet.odds(0.15):
            sheet.put(f"<p><b>{(name := sheet.chance.choice(SECTIONS))}</b></p>", name, "I")
        sheet.text(sheet.chance.choice(sheet.pool.stories), "I")
    _bullets(sheet, 0.1)
    if sheet.odds(0.4):
        sheet.link(sheet.chance.choice(MORE), "O", "background:#06c;color:#fff", url)


def _labelled(sheet: Sheet, title: str, type_: Type, tag: str = "p") -> None:
    body = " ".join(sheet.chance.choice(sheet.pool.stories).split())
    joint = sheet.chance.choice([": ", " — ", ". ", " | "])
    label = escape(title + joint.strip())
    label = f'<a href="{sheet.url()}">{label}</a>' if type_.linked else f"<b>{label}</b>"
    sheet.put(f"<{tag}>{label} {escape(body)}</{tag}>", f"{title}{joint.strip()} {body}", "B")


def _bare(sheet: Sheet, title: str, type_: Type) -> None:  # noqa: ARG001 - it has no headline
    sheet.text(sheet.chance.choice(sheet.pool.stories), "B", 0.5)
    for _ in range(sheet.chance.choice([0, 0, 0, 1, 2])):
        sheet.text(sheet.chance.choice(sheet.pool.stories), "I", 0.2)


def _entry(sheet: Sheet, title: str, type_: Type) -> None:
    if sheet.odds(0.6):
        _labelled(sheet, title, type_, "li")
    else:
        sheet.put(f'<li><a href="{sheet.url()}">{escape(title)}</a></li>', title, "B")


def _linked(sheet: Sheet, title: str, type_: Type) -> None:
    inner = f'<a href="{sheet.url()}">{escape(title)}</a>'
    sheet.put(f'<p style="{type_.style}">{inner}</p>', title, "B")


def digest(sheet: Sheet) -> None:
    """Several stories, with or without sections, all of one shape."""
    piece: Piece = sheet.chance.choice([_story, _story, _story, _labelled, _entry, _linked, _bare])
    type_, section = sheet.type(), sheet.type()
    between = ["", "", "rule", "cell", "cell", "picture", "linked picture", "stars", "border"]
    divider = sheet.chance.choice(between[2:] if piece is _bare else between)
    _top(sheet)
    if sheet.odds(0.25):
        sheet.text(sheet.chance.choice(GREETINGS), "O", 0)
    if sheet.odds(0.3):
        for number in range(sheet.chance.randint(1, 3)):
            sheet.text(sheet.chance.choice(sheet.pool.stories), "I" if number else "B", 0.2)
    named = sheet.odds(0.6) or piece is _entry
    left = 0
    for number in range(sheet.chance.randint(3, 22)):
        if named and left == 0:
            left = sheet.chance.randint(2, 8)
            sheet.html.append("</ul>" if piece is _entry and number else "")
            sheet.divide(sheet.chance.choice([divider, "cell"]))
            sheet.head(sheet.chance.choice(SECTIONS), "S", Type(section.tag, section.style), "")
            sheet.html.append("<ul>" if piece is _entry else "")
        elif piece is not _entry:
            sheet.divide(divider)
            if sheet.odds(0.05):
                _advert(sheet, type_)
                sheet.divide(divider)
        left -= 1
        piece(sheet, sheet.chance.choice(sheet.pool.titles), type_)
    sheet.html.append("</ul>" if piece is _entry else "")
    if sheet.odds(0.4):
        sheet.divide(sheet.chance.choice(["rule", "cell"]))
        for line in sheet.chance.sample(CLOSING, 2):
            sheet.text(line, "O", 0.3)
    _bottom(sheet)


def _post(sheet: Sheet) -> None:
    """A post from elsewhere, embedded in an essay."""
    name, url = sheet.chance.choice(NAMES), sheet.url()
    said = " ".join(sheet.chance.choice(sheet.pool.letters)[:220].split())
    sheet.html.append('<table><tr><td><img src="x" alt="">')
    for line in (name, f"@{name.split()[0].lower()}", said, "9:41 AM · May 3, 2023"):
        sheet.put(f'<p><a href="{url}">{escape(line)}</a></p>', line, "I")
    sheet.html.append("</td></tr></table>")


def _ladder(sheet: Sheet) -> None:
    for line in sheet.chance.sample(SUMS, sheet.chance.randint(2, 6)):
        sheet.link(line, "O", "background:#c00;color:#fff")


def essay(sheet: Sheet) -> None:
    """One text: with sub-heads, lists, quotations, rules, pictures, embedded posts."""
    _top(sheet)
    if sheet.odds(0.7):
        sheet.head(sheet.chance.choice(sheet.pool.titles), "O", sheet.type(), sheet.url())
        sheet.text(sheet.chance.choice(BYLINES), "O", 0.2)
    if sheet.odds(0.3):
        sheet.text(sheet.chance.choice(GREETINGS), "O", 0)
    type_ = sheet.type()
    type_ = Type(type_.tag, type_.style, sheet.odds(0.05))
    share = {what: sheet.chance.choice(odds) for what, odds in {
        "heads": (0, 0, 0.25), "rules": (0, 0, 0.1), "pictures": (0, 0, 0.2), "bold": (0, 0.15),
        "lists": (0, 0.1), "posts": (0, 0, 0.12), "links": (0, 0.1, 0.4), "quotes": (0, 0.08),
    }.items()}  # fmt: skip
    for number in range(sheet.chance.randint(4, 30)):
        if number and sheet.odds(share["heads"]):
            names = SECTIONS if sheet.odds(0.5) else sheet.pool.titles
            sheet.head(sheet.chance.choice(names), "I", type_, sheet.url())
        if number and sheet.odds(share["rules"]):
            sheet.divide(sheet.chance.choice(["rule", "stars"]))
        if sheet.odds(share["pictures"]):
            sheet.divide(sheet.chance.choice(["picture", "linked picture"]))
        text = " ".join(sheet.chance.choice(sheet.pool.letters).split())
        what = "I" if number else "B"
        if sheet.odds(share["bold"]):
            sheet.put(f"<p><b>{escape(text)}</b></p>", text, what)
        elif sheet.odds(share["quotes"]):
            sheet.put(f"<blockquote><p>{escape(text)}</p></blockquote>", text, what)
        else:
            sheet.text(text, what, share["links"])
        _bullets(sheet, share["lists"])
        if sheet.odds(share["posts"]):
            _post(sheet)
    _sign(sheet, 0.4)
    if sheet.odds(0.3):
        for line in sheet.chance.sample(CLOSING, 3):
            sheet.link(line, "O")
    _bottom(sheet)


def appeal(sheet: Sheet) -> None:
    """A letter that asks for money or a signature."""
    _top(sheet)
    if sheet.odds(0.9):
        sheet.text(sheet.chance.choice(GREETINGS), "O", 0)
    for number in range(sheet.chance.randint(3, 9)):
        text = " ".join(sheet.chance.choice(sheet.pool.letters).split())
        what = "I" if number else "B"
        if sheet.odds(0.15):
            sheet.put(f"<p><b>{escape(text)}</b></p>", text, what)
        else:
            sheet.text(text, what, 0.15)
        if sheet.odds(0.3):
            call = sheet.chance.choice(CALLS)
            sheet.link(call, "I" if call[-1] in ".?" else "O", "font-weight:bold")
        if sheet.odds(0.12):
            _ladder(sheet)
    _sign(sheet, 0.8)
    if sheet.odds(0.3):
        sheet.text(f"P.S. {sheet.chance.choice(sheet.pool.letters)[:200]}", "I")
    if sheet.odds(0.4):
        _ladder(sheet)
    _bottom(sheet)


def notice(sheet: Sheet) -> None:
    """A few sentences and a button."""
    _top(sheet)
    if sheet.odds(0.5):
        sheet.text(sheet.chance.choice(GREETINGS), "O", 0)
    for number in range(sheet.chance.randint(1, 4)):
        sheet.text(sheet.chance.choice(sheet.pool.letters), "I" if number else "B")
    _bullets(sheet, 0.4)
    if sheet.odds(0.7):
        sheet.link(sheet.chance.choice(MORE), "O", "background:#06c;color:#fff")
    _sign(sheet, 0.5)
    _bottom(sheet)


def shop(sheet: Sheet) -> None:
    """A shelf of products, each with its picture and price."""
    _top(sheet)
    type_, buttons = sheet.type(), sheet.odds(0.5)
    for _ in range(sheet.chance.randint(3, 14)):
        url = sheet.url()
        sheet.divide(sheet.chance.choice(["cell", "cell", ""]))
        sheet.divide("linked picture")
        title = " ".join(sheet.chance.choice(sheet.pool.titles).split()[:4])
        sheet.head(title, "B", type_, url)
        sheet.text(sheet.chance.choice(PRICES), "I", 0)
        if buttons:
            sheet.link("Buy now", "O", "background:#06c;color:#fff", url)
    _bottom(sheet)


FORMS = {"digest": digest, "essay": essay, "appeal": appeal, "notice": notice, "shop": shop}


def draw(pool: Pool, seed: int) -> tuple[str, Sheet]:
    """A letter and its form, the same for the same pool and seed."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    form = chance.choices(list(FORMS), [40, 30, 16, 8, 6])[0]
    sheet = Sheet(pool, chance)
    FORMS[form](sheet)
    return form, sheet
