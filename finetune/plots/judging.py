"""The pictures of a judgement: who won, and what the judges are like."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from finetune.judging.measures import Contest, Habits, Share
from finetune.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def wins(contests: Sequence[Contest]) -> "Figure | None":
    """Win rates, a line for each two models, a colour for each judge."""
    pairs = list(dict.fromkeys((one.one, one.other) for one in contests))
    judges = list(dict.fromkeys(one.judge for one in contests))
    if not any(one.rate.value is not None for one in contests):
        return None
    drawn, axes = style.figure(style.height(len(pairs), len(judges), 1.9))
    looks = _looks(judges)
    for contest in contests:
        how = looks[contest.judge]
        y = pairs.index((contest.one, contest.other)) + _shift(contest.judge, judges)
        _dot(axes, contest.rate, y, how, filled=contest.p_holm < 0.05)
    axes.axvline(0.5, color="black", linewidth=0.8)
    style.rows(axes, [f"{one} against {other}" for one, other in pairs])
    style.shares(axes, "win rate of the first named, a tie being half a win")
    axes.set_title("Win rates (filled: p < 0.05 after Holm)")
    style.legend(drawn, list(looks.values()))
    return drawn


_HABITS = {
    "first": "the digest shown first won\n(0.5: no habit)",
    "longer": "the longer digest won",
    "ties": "verdicts that are a tie",
}


def habits(found: Sequence[Habits]) -> "Figure | None":
    """What the judges do whatever they judge."""
    judges = [one.judge for one in found]
    if not any(one.ties.n for one in found):  # nobody was asked anything
        return None
    drawn, axes = style.figure(style.height(2 * len(_HABITS), len(judges), 2.2))
    looks = _looks(judges)
    for line, name in enumerate(_HABITS):
        for one in found:
            y = line + _shift(one.judge, judges)
            _dot(axes, getattr(one, name), y, looks[one.judge], filled=True)
    axes.axvline(0.5, color="black", linewidth=0.8)
    style.rows(axes, list(_HABITS.values()))
    style.shares(axes, "share, with 95 % interval")
    axes.set_title("Habits of the judges")
    style.legend(drawn, list(looks.values()))
    return drawn


def _looks(judges: Sequence[str]) -> dict[str, style.Series]:
    return {
        judge: style.Series(judge, style.COLOURS[n % len(style.COLOURS)], style.MARKERS[n % 7])
        for n, judge in enumerate(judges)
    }


def _shift(judge: str, judges: Sequence[str]) -> float:
    step = 0.72 / max(2, len(judges))
    return (judges.index(judge) - (len(judges) - 1) / 2) * step


def _dot(axes: Any, share: Share, y: float, how: style.Series, *, filled: bool) -> None:
    if share.value is None:
        return
    if share.low is not None:
        ends = [share.low, share.high]
        axes.plot(ends, [y, y], color=how.colour, linewidth=1.4, solid_capstyle="butt")
    fill = how.colour if filled else "white"
    axes.plot(share.value, y, how.marker, color=how.colour, markersize=5, markerfacecolor=fill)
