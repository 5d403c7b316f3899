"""Answers that run in circles: how they are seen, and how they are asked for once more."""

# What breaks a loop, by llama.cpp's and Ollama's names. Asked of every answer it would spoil the
# good ones: a company that is a theme already would not be named again (docs/lab-log.md).
LOOSEN = {"repeat_penalty": 1.1, "repeat_last_n": 128}
LOOK = 32  # tokens between two looks for a loop


def loops(text: str) -> bool:
    """Whether `text` ends with the same 8 to 60 characters eight times over."""
    return any(text.endswith(text[-size:] * 8) for size in range(8, 61) if len(text) >= size * 8)
