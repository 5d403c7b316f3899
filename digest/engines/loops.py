"""Answers that run in circles: how they are seen, and how they are asked for once more."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from digest.protocols import Answer

# What breaks a loop, by llama.cpp's and Ollama's names. Asked of every answer it would spoil the
# good ones: a company that is a theme already would not be named again (docs/lab-log.md).
LOOSEN = {"repeat_penalty": 1.1, "repeat_last_n": 128}
LOOK = 32  # tokens between two looks for a loop


def loops(text: str) -> bool:
    """Whether `text` ends with the same 8 to 60 characters eight times over."""
    return any(text.endswith(text[-size:] * 8) for size in range(8, 61) if len(text) >= size * 8)


def with_end(ask: Callable[[Mapping[str, float]], Answer], stopped: Callable[[], bool]) -> Answer:
    """The answer to `ask({})`, or if it had no end and nobody stopped it, to `ask(LOOSEN)`.

    The tokens of both count. Few answers but loops get so long.
    """
    answer = ask({})
    if answer.finish != "length" or stopped():
        return answer
    again = ask(LOOSEN)
    spent = answer.tokens_out + again.tokens_out
    return replace(answer if again.finish == "error" else again, tokens_out=spent)
