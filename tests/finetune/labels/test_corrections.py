"""What a report shows, read back without the marks that it puts around quotations."""

import pytest

from finetune.labels.corrections import Told, stories


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("“The mill turns again.”", "The mill turns again."),
        ("“The mill turns.” … “Rye is dear.”", "The mill turns. … Rye is dear."),
        ("“The miller said “at last” twice.”", "The miller said “at last” twice."),
        ("The mill turns, in other words.", "The mill turns, in other words."),
        ("“At last,” she said. “Rye.”", "“At last,” she said. “Rye.”"),  # no pair at its ends
    ],
)
def test_marks_of_a_quotation_are_not_its_words(shown: str, said: str) -> None:
    markdown = f"## News\n\n### 1. A mill\n\n**4/10**\n\n{shown}\n\n- {shown}\n"
    assert list(stories(markdown)) == [(1, Told("A mill", said, (said,), 4))]
