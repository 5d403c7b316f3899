"""The summary as it may stand: what the model wrote, tidied, or the text's own sentences.

The text's own are taken where they are worth more than a small model's:

- of a text that is no longer than a summary. To say it in other words can only bend it: on the
  1,205 rows the model learns from, the text itself shares ROUGE-L .62 with the teacher's summary
  up to 50 words, .50 at 60 words and .26 at 200;
- where the model gives a number that the text does not give;
- where the model broke off after a few words.

Only of English texts, since a digest is in English. On 97 validation rows these rules took the
text's own sentences in 26 places, and ROUGE-L against the teacher's summaries rose from .359 to
.382 (docs/lab-log.md).
"""

import re

from digest.engines.extractive import extract
from digest.quote.english import english

SHORT = "the text is as short as a summary"
_BRIEF = 50  # words: as long as the teacher's summaries of long texts
_BROKEN = 6  # words
_LEAST = 10  # characters: the contract's limit
_NUMBER = re.compile(r"\d[\d.,]*\d")  # a single digit is as often spelled out
_RUN = re.compile(r"\d\d+")
_BOLD = re.compile(r"\*\*(?=\S)((?:(?!\*\*).)+?)(?<=\S)\*\*")


def to_write(asked: tuple[str, ...], title: str, text: str) -> tuple[tuple[str, ...], str]:
    """What of `asked` a model has to write, and the summary of a text that needs none written.

    A third of what it writes about such a text, and a seventh of all (docs/lab-log-engines.md).
    """
    # Asked for nothing else it is asked all the same: an ask cannot be empty.
    own = own_summary(title, text) if "summary" in asked and len(asked) > 1 else ""
    return tuple(name for name in asked if not own or name != "summary"), own


def own_summary(title: str, text: str) -> str:
    """The summary of an English text that is no longer than one; "" of any other."""
    brief = len(text.split()) <= _BRIEF and english(f"{title} {text}")
    return _own(title, text) if brief else ""


def settle_summary(written: str, title: str, text: str) -> tuple[str, str]:
    """The summary for a digest, and why it is the text's own words; "" if it is the model's."""
    tidied = tidy(written)
    written = tidied if len(tidied) >= _LEAST else written
    if own := own_summary(title, text):
        reason = SHORT
    elif not english(f"{title} {text}"):
        return written, ""
    elif made_up := invented(written, f"{title} {text}"):
        reason = f"the model’s gave numbers that are not in the text: {', '.join(made_up)}"
    elif len(written.split()) < _BROKEN:
        reason = "the model’s broke off"
    else:
        return written, ""
    own = own or _own(title, text) or written
    return own, reason if own != written else ""


def _own(title: str, text: str) -> str:
    return extract(title, text, ("summary",)).summary or ""


def tidy(summary: str) -> str:
    """`summary` in one line, and without the asterisks of bold type that ends nowhere."""
    line = " ".join(summary.split())
    if "**" not in _BOLD.sub("", line):
        return line
    return " ".join(_BOLD.sub(r"\1", line).replace("**", "").split())


def invented(said: str, text: str) -> tuple[str, ...]:
    """The numbers of two digits and more that `said` gives and `text` does not."""
    known = _numbers(text)
    return tuple(n for n in dict.fromkeys(_NUMBER.findall(said)) if not _known(n, known))


def _known(number: str, known: set[str]) -> bool:
    parts = set(_RUN.findall(number))
    return _plain(number) in known or (bool(parts) and parts <= known)


def _numbers(text: str) -> set[str]:
    return {_plain(number) for number in _NUMBER.findall(text)} | set(_RUN.findall(text))


def _plain(number: str) -> str:
    """1,500 and 1.500 and 1500 alike."""
    return number.replace(",", "").replace(".", "")
