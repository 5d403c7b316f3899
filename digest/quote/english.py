"""Whether a text is in English, told by its commonest words alone: enough to choose a rule by."""

from digest.quote.grounding import fold

# Words that make up a quarter of English running text and are rare in that of other languages.
_ENGLISH = """
    a an and are as at be been but by for from had has have he his in is it its not of on or said
    she that the their they this to was were which will with would
"""
_COMMON = frozenset(_ENGLISH.split())
_ENOUGH = 0.12  # of a text's words
_LOOKED_AT = 4000  # characters


def english(text: str) -> bool:
    """Whether `text` is English prose. Of a few words nobody can tell."""
    words = fold(text[:_LOOKED_AT]).split()
    return sum(word in _COMMON for word in words) >= _ENOUGH * len(words)
