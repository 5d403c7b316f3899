"""The Modelfile: what makes `ollama run digest "$(cat story.md)"` work bare."""

from digest.prompt import STOP, Message, chatml, system

CONTEXT = 4096  # tokens: 2,048 of text, the prompt around it and the longest answer

# digest.prompt.chatml in the language of Ollama's templates.
_TEMPLATE = (
    "{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n"
    "{{ end }}<|im_start|>assistant\n"
)


def render(source: str, adapter: str | None = None) -> str:
    """The Modelfile for weights (and an adapter over them): template, system message for all
    fields, stop token, context and greedy decoding. Written out in full, because Ollama guesses
    the template otherwise.
    """
    lines = [f"FROM {source}"]
    if adapter:
        lines.append(f"ADAPTER {adapter}")
    lines += [
        f'TEMPLATE """{_TEMPLATE}"""',
        f'SYSTEM """{system()}"""',
        f'PARAMETER stop "{STOP}"',
        f"PARAMETER num_ctx {CONTEXT}",
        "PARAMETER temperature 0",
    ]
    return "\n".join(lines) + "\n"


def rendered(turns: list[Message]) -> str:
    """What Ollama makes of the template for these turns: used to prove it equal to `chatml`.

    Covers the three constructs the template uses, no more.
    """
    head, loop = _TEMPLATE.split("{{ range .Messages }}")
    body, tail = loop.split("{{ end }}")
    turn = "".join(
        body.replace("{{ .Role }}", one["role"]).replace("{{ .Content }}", one["content"])
        for one in turns
    )
    return head + turn + tail


def faithful(turns: list[Message]) -> bool:
    """Whether the template renders these turns as training does."""
    return rendered(turns) == chatml(turns)
