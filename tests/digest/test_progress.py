import pytest

from digest.progress import describe, spell


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (("fetch mailbox:inbox", 6, 12), "reading 7 of 12 from mailbox:inbox"),
        (("fetch mailbox:inbox", 12, 12), "reading 12 of 12 from mailbox:inbox"),
        (("fetch feed:https://a.example/x", 4, None), "reading 4 from feed:https://a.example/x"),
        (("analyze", 13, 75, 13, 26.0), "digesting 14 of 75, about 2 minutes left"),
        (("analyze", 1, 75, 1, 2.0), "digesting 2 of 75"),
        (("analyze", 75, 75, 75, 150.0), "digesting 75 of 75"),
        (("train", 3, 1_000), "train 3 of 1,000"),
    ],
)
def test_words(told, words):
    assert describe(*told) == words


def test_times():
    assert [spell(s) for s in (0, 1, 89, 90, 150, 5399, 5400, 9000)] == [
        "1 second", "1 second", "89 seconds", "2 minutes", "2 minutes", "90 minutes", "2 hours",
        "2 hours",
    ]  # fmt: skip
