"""How far a stage is, in words that a person reads on a terminal, in a log, in an assistant."""

_VERBS = {"fetch": "reading", "analyze": "digesting"}


def describe(stage: str, done: int, total: int | None, steps: int = 0, seconds: float = 0.0) -> str:
    """`digesting 14 of 75, about 2 minutes left`.

    A stage is a verb, and after a space what it works on: `fetch mailbox:inbox`. `steps` were
    done in the last `seconds`: what time is left is told by them, once there are a few.
    """
    verb, _, what = stage.partition(" ")
    said = _VERBS.get(verb, verb)
    # A verb says what is at work, so that the next one counts.
    place = min(done + 1, total or done) if verb in _VERBS and total else done
    words = f"{said} {place:,} of {total:,}" if total else f"{said} {place:,}"
    words += f" from {what}" if what else ""
    if total and steps >= 2 and done < total:
        words += f", about {spell(seconds / steps * (total - done))} left"
    return words


def spell(seconds: float) -> str:
    """`40 seconds`, `3 minutes`, `2 hours`."""
    if seconds < 90:
        number, unit = max(1, round(seconds)), "second"
    elif seconds < 90 * 60:
        number, unit = round(seconds / 60), "minute"
    else:
        number, unit = round(seconds / 3600), "hour"
    return f"{number} {unit}" + ("s" if number != 1 else "")
