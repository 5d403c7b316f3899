"""The pictures of an examination."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from finetune.evaluation.evaluate import Exam
from finetune.plots import consistency, relevance, scores, style, texts

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Picture:
    """One kind of picture; `draw` gives None where there is nothing to show."""

    name: str
    draw: Callable[[Sequence[Exam]], "Figure | None"]
    says: str


PICTURES: tuple[Picture, ...] = (
    Picture(
        "forest", scores.forest,
        "Differences on the same rows with 95 % intervals of the paired bootstrap. Right of the "
        "line the first model is better; errors are turned round so that this holds for them too.",
    ),
    Picture(
        "heatmap", scores.heat_map,
        "All headline numbers. Shades compare models within a line, not lines.",
    ),
    Picture("validity", scores.validity, "What share of the answers can be used."),
    Picture(
        "f1_by_field", scores.f1_by_field,
        "F1 of the list fields. Where references are often empty, silence earns much: see the bar.",
    ),
    Picture(
        "precision_recall", scores.precision_recall,
        "Up: fewer wrong entries. Right: fewer missing ones.",
    ),
    Picture("rouge", scores.rouge, "Words and word order shared with the reference."),
    Picture("bertscore", scores.bertscore, "Likeness to the reference, to an encoder."),
    Picture(
        "relevance_error", relevance.errors, "A model that is often far off shows as long arms."
    ),
    Picture(
        "relevance_calibration", relevance.calibration,
        "A model that always says the same shows as a flat line.",
    ),
    Picture(
        "relevance_cumulative", relevance.cumulative,
        "A model under the dashed line is worse than one number for all rows.",
    ),
    Picture("length_box", texts.length_boxes, "Words in the texts."),
    Picture("word_counts", texts.word_counts, "A model that fills its budget shows as a ceiling."),
    Picture("violin", texts.violins, "Whether a mean hides two kinds of rows."),
    Picture("histogram", texts.histograms, "The same for the tree score, row by row."),
    Picture("collapse", texts.collapse, "Texts that resemble each other, or themselves."),
    Picture(
        "consistency", consistency.agreement,
        "Models that agree with each other but not with the references err alike.",
    ),
    Picture("subsets", consistency.subsets, "Where a model does better or worse."),
)  # fmt: skip


def draw(exams: Sequence[Exam], folder: Path) -> Iterator[tuple[Picture, Path]]:
    """Write each picture that there is something to show in as FOLDER/NAME.png."""
    folder.mkdir(parents=True, exist_ok=True)
    with style.look():
        for picture in PICTURES:
            target = folder / f"{picture.name}.png"
            target.unlink(missing_ok=True)  # of an earlier examination
            if drawn := picture.draw(exams):
                drawn.savefig(target, metadata={"Software": None})
                yield picture, target
