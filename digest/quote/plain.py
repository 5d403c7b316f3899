"""The words of a markdown text as a reader sees them.

Takes out emphasis, link targets, images, marks of code, headings, lists and quotes. It renders
nothing, resolves no entity and changes no word.
"""

import re

_PASSES = 12  # nested markup is taken off from the inside; deeper nesting is no prose
_INVISIBLE = re.compile("[\u200b\u2060\ufeff\u00ad\ud800-\udfff]")  # and halves of pairs: no text
_IMAGE = re.compile(
    r"!\[[^\[\]]{0,1000}\](?:\([^()\s]{0,4000}(?:\s[^()]{0,300})?\)|\[[^\[\]]{0,200}\])"
)
_LINK = re.compile(
    r"\[((?:[^\[\]]|\[[^\[\]]{0,100}\]){0,2000})\]"
    r"(?:\(\s?(?:[^()\s]|\([^()\s]{0,300}\)){0,4000}(?:\s+[\"'(][^()\"]{0,300}[\"')])?\s?\)"
    r"|\[[^\[\]]{0,200}\])"
)
_FOOTNOTE = re.compile(r"\[\^[^\[\]\s]{1,40}\]:?")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^<>\s]{1,2000})>")
_TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9]{0,9}(?:\s[^<>]{0,500})?/?>|<>")
_FENCE = re.compile(r"(?m)^[ \t]{0,3}(?:`{3,}|~{3,})[^`\n]*$")
_CODE = re.compile(r"(`{1,3})(?=[^`])([^`]+)\1")
_MARKS = re.compile(r"(?m)^[ \t]*(?:>[ \t]?)+|^[ \t]*#{1,6}[ \t]+|^[ \t]*[-*+•][ \t]+")
_STARS = re.compile(r"(\*{1,3})(?=[^\s*])([^*]*[^\s*])\1")
_UNDER = re.compile(r"(?<![\w\\])(_{1,3})(?=[^\s_])([^_]*[^\s_])\1(?!\w)")
_STRUCK = re.compile(r"~~(?=[^\s~])([^~]+)~~")
_LEFT = re.compile(r"(?<!\w)\*{1,3}(?=\S)|(?<=[^\s\\])\*{1,3}(?!\w)|(?<![\w\\])__|__(?!\w)|`+|~~")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+\-.!~|<>])")


def plain(text: str, start: int = 0, end: int | None = None) -> str:
    """The words of `text[start:end]` in one line, without markup; the same when done again."""
    words = text[start:end]
    for _ in range(_PASSES):
        before = words
        words = _pass(words)
        if words == before:
            break
    return words


def _pass(words: str) -> str:
    words = _FENCE.sub(" ", _INVISIBLE.sub("", words))
    words = _AUTOLINK.sub(r"\1", _FOOTNOTE.sub("", _IMAGE.sub(" ", words)))
    words = _TAG.sub(" ", _LINK.sub(r"\1", words))
    words = _CODE.sub(r"\2", _MARKS.sub(" ", words))
    words = _STRUCK.sub(r"\1", _UNDER.sub(r"\2", _STARS.sub(r"\2", words)))
    words = _ESCAPE.sub(r"\1", _LEFT.sub("", words))
    return " ".join(words.split())
