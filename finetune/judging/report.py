"""A judgement as a page: report.md with pictures beside it, report.html and judgement.json."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isnan
from pathlib import Path
from typing import Any

from finetune.evaluation.page import html, plain
from finetune.judging import measures
from finetune.judging.bench import Decision, Marking
from finetune.judging.human import NAME
from finetune.judging.measures import Agreement, Contest, Favour, Habits, Share

_HEADLINE = 30  # documents from which a win rate is worth quoting


@dataclass(frozen=True)
class Judgement:
    """Everything that was decided, and who decided."""

    models: Sequence[str]
    judges: Sequence[str]
    documents: int
    decisions: Sequence[Decision] = ()
    markings: Sequence[Marking] = ()
    human: Sequence[Decision] = ()
    own: Mapping[str, str] = field(default_factory=dict)  # judge -> the judged model that it is
    facts: Mapping[str, str] = field(default_factory=dict)

    def contests(self) -> list[Contest]:
        """Every two models before every judge."""
        return measures.contests(self.decisions)

    def habits(self) -> list[Habits]:
        """Of every judge."""
        return [measures.habits(judge, self.decisions) for judge in self.judges]

    def favours(self) -> list[Favour]:
        """Of the judges that judged themselves."""
        return [
            measures.favour(judge, model, self.decisions, self.human)
            for judge, model in self.own.items()
        ]

    def agreements(self) -> list[Agreement]:
        """Between the judges, and of each with the person."""
        found = measures.between(self.judges, self.decisions)
        for judge in self.judges if self.human else ():
            of = [d for d in self.decisions if d.judge == judge]
            found.append(measures.agreement(judge, of, NAME, self.human))
        return found


def write(out: Path, found: Judgement) -> Path:
    """Write report.md, report.html, judgement.json and pictures/ into `out`; the HTML file."""
    from finetune.plots import judging as plots
    from finetune.plots import style

    contests, habits = found.contests(), found.habits()
    marks = measures.marks(found.markings)
    folder = out / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    images: dict[str, Path] = {}
    with style.look():
        drawings = (("wins", plots.wins(contests)), ("habits", plots.habits(habits)))
        for name, drawn in drawings if found.decisions else ():
            target = folder / f"{name}.png"
            if drawn:
                drawn.savefig(target, metadata={"Software": None})
                images[f"{folder.name}/{target.name}"] = target
    parts = [
        f"# Judgement of {', '.join(map(plain, found.models))}",
        "\n".join(f"- {plain(key)}: {plain(value)}" for key, value in found.facts.items()),
        _caution(found),
        _contests(contests) if found.decisions else "",
        *(f"![{link}]({link})" for link in images),
        _habits(habits, found) if found.decisions else "",
        _agreements(found.agreements()),
        _marks(marks, found),
        _refusals(contests, found.markings),
    ]
    text = "\n\n".join(filter(None, parts)) + "\n"
    (out / "report.md").write_text(text, "utf-8")
    (out / "judgement.json").write_text(
        json.dumps(as_json(found), indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8"
    )
    page = out / "report.html"
    title = f"Judgement of {', '.join(found.models)}"
    page.write_text(html(text, images, title), "utf-8")
    return page


def as_json(found: Judgement) -> dict[str, Any]:
    """The judgement as one object; NaN as null."""
    marks = measures.marks(found.markings)
    whole = {
        "models": list(found.models),
        "judges": list(found.judges),
        "documents": found.documents,
        "contests": [asdict(one) for one in found.contests()] if found.decisions else [],
        "habits": [asdict(one) for one in found.habits()] if found.decisions else [],
        "self_preference": [asdict(one) for one in found.favours()] if found.decisions else [],
        "agreement": [asdict(one) for one in found.agreements()],
        "marks": [
            {"judge": judge, "model": model, "criterion": name, **asdict(mean)}
            for (judge, model, name), mean in marks.items()
        ],
    }
    plain_numbers: dict[str, Any] = _plain(whole)
    return plain_numbers


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and isnan(value) else value


def _caution(found: Judgement) -> str:
    told = (
        "What a judge prefers is its opinion. How far it can be trusted stands below: whether the "
        "order moves it, and whether it agrees with a person."
    )
    if found.documents < _HEADLINE:
        told = (
            f"{found.documents} documents: too few ({_HEADLINE} needed) to quote a number from. "
            + told
        )
    if not found.human:
        told += " No person's sheet was given (--human), so nothing here is tied to a person."
    return told


def _contests(contests: Sequence[Contest]) -> str:
    lines = [
        "| judge | models | win rate of the first [95 %] | wins, ties, losses | p (Holm) "
        "| same winner in both orders | better |",
        "|" + "---|" * 7,
    ]
    for one in contests:
        p = "–" if isnan(one.p_holm) else "< 0.001" if one.p_holm < 0.001 else f"{one.p_holm:.3f}"
        lines.append(
            f"| {plain(one.judge)} | {plain(one.one)}, {plain(one.other)} | {one.rate.told()} "
            f"| {one.wins}, {one.ties}, {one.losses} | {p} | {one.consistent.told()} "
            f"| {plain(one.verdict)} |"
        )
    rules = [
        f"{plain(one.one)} and {plain(one.other)} before {plain(one.judge)}: "
        + ", ".join(
            told
            for count, told in (
                (one.identical, f"{one.identical} alike, a tie unasked"),
                (
                    one.invalid,
                    f"{one.invalid} with an answer that broke the contract, lost",
                ),
            )
            if count
        )
        for one in contests
        if one.identical or one.invalid
    ]
    return "\n\n".join(
        [
            "## Win rates\n\nEvery two digests are shown in both orders. Orders that disagree "
            "count as a tie, and a tie as half a win. p is of a two-sided randomization test.",
            "\n".join(lines),
            *rules,
        ]
    )


def _habits(habits: Sequence[Habits], found: Judgement) -> str:
    lines = ["| judge | first place won | longer won | ties |", "|---|---|---|---|"]
    lines += [
        f"| {plain(h.judge)} | {h.first.told()} | {h.longer.told()} | {h.ties.told()} |"
        for h in habits
    ]
    favours = found.favours()
    told = [
        f"{plain(f.judge)} judged its own model, {plain(f.model)}: "
        + (
            f"its win rate is {_signed(f.excess)} above what the others gave it."
            if f.excess.value is not None
            else f"not measured, for {f.why}."
        )
        for f in favours
    ]
    if not favours:
        told = [
            "Self-preference: not measured, for no judged model is said to be a judge's (--own)."
        ]
    return "\n\n".join(
        [
            "## Habits\n\nPosition: a judge without a habit has the first place win in exactly "
            "half of its verdicts, for each digest is shown once in each place. Length: also a "
            "fair judge prefers the longer digest where longer digests are better.",
            "\n".join(lines),
            *told,
        ]
    )


def _signed(share: Share) -> str:
    return f"{share.value:+.2f} [{share.low:+.2f}, {share.high:+.2f}] (n = {share.n})"


def _agreements(found: Sequence[Agreement]) -> str:
    if not found:
        return ""
    lines = ["| | same winner | Cohen's κ |", "|---|---|---|"]
    for one in found:
        kappa = one.kappa.told() if one.kappa.value is not None else "– (no spread to explain)"
        lines.append(f"| {plain(one.one)}, {plain(one.other)} | {one.same.told()} | {kappa} |")
    return "## Agreement\n\n" + "\n".join(lines)


def _marks(marks: Mapping[tuple[str, str, str], Share], found: Judgement) -> str:
    if not marks:
        return ""
    names = list(dict.fromkeys(name for *_, name in marks))
    lines = [f"| judge | model | {' | '.join(names)} |", "|---|---|" + "---|" * len(names)]
    for judge in found.judges:
        for model in found.models:
            cells = [marks.get((judge, model, name)) for name in names]
            if any(cells):
                told = " | ".join(cell.told() if cell else "–" for cell in cells)
                lines.append(f"| {plain(judge)} | {plain(model)} | {told} |")
    return (
        "## Marks\n\nMeans of marks from 1 to 5; an answer that broke the contract has 1.\n\n"
        + "\n".join(lines)
    )


def _refusals(contests: Sequence[Contest], markings: Sequence[Marking]) -> str:
    reasons: dict[tuple[str, str], int] = {}
    for one in contests:
        for why, count in one.reasons.items():
            reasons[one.judge, why] = reasons.get((one.judge, why), 0) + count
    for marking in markings:
        if marking.refused:
            key = marking.judge, marking.refused
            reasons[key] = reasons.get(key, 0) + 1
    if not reasons:
        return ""
    lines = [f"- {plain(judge)}: {n} x {plain(why)}" for (judge, why), n in reasons.items()]
    without = sum(one.refused for one in contests)
    return (
        f"## Answers that could not be taken\n\n{without} comparisons are without a decision and "
        "in no number above.\n\n" + "\n".join(lines)
    )
