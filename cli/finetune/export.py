"""`digest finetune export`: from a trained adapter to what llama.cpp and Ollama run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import options

if TYPE_CHECKING:
    from finetune.export.verify import Form


@click.command()
@click.argument("adapters", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Where the files go.",
)
@click.option("--name", default="digest", show_default=True, help="The model's name.")
@click.option(
    "--quant",
    default="",
    metavar="KINDS",
    help="Merge into GGUF files: q8_0, q4_k_m, f16, ... (comma-separated).",
)
@click.option("--adapter/--no-adapter", default=True, help="Write the LoRA adapter as GGUF.")
@click.option(
    "--ollama", metavar="NAME", help="Create the model in Ollama under this name, if all is right."
)
@click.option(
    "--base",
    default="",
    metavar="FOLDER|FILE",
    help="The base that was trained on.  [default: the base weights in the cache]",
)
@click.option("--verify/--no-verify", default=True, help="Compare every form's answers.")
@click.option(
    "--compare",
    default="f16",
    show_default=True,
    metavar="KINDS",
    help="Further quantizations to compare, without keeping them.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="Share of fields on which f16 must agree.  [default: 0.95]",
)
@click.option(
    "--questions",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Questions to compare by (JSONL: title, text).  [default: 30 that come with Digest]",
)
@click.option(
    "--run",
    "runs",
    type=click.Path(path_type=Path),
    multiple=True,
    help="The training run, for the card; further ones, if adapters of several are averaged.",
)
@click.option(
    "--exam",
    "exams",
    multiple=True,
    metavar="TITLE=DIR",
    help="Results of `evaluate` for the card. Repeatable.",
)
@options.json_output
def export(
    adapters: tuple[Path, ...],
    out: Path,
    name: str,
    quant: str,
    adapter: bool,
    ollama: str | None,
    base: str,
    verify: bool,
    compare: str,
    threshold: float | None,
    questions: Path | None,
    runs: tuple[Path, ...],
    exams: tuple[str, ...],
    as_json: bool,
) -> None:
    """Write an adapter (the mean of several checkpoints, if more are given) for llama.cpp and
    Ollama, and prove that every form answers as the trained one does.
    """
    from digest.model.weights import base_weights, cache
    from finetune.export import adapters as lora
    from finetune.export import export as shipping
    from finetune.export import verify as proof
    from finetune.train.base import converted

    on_message = _teller(as_json)
    wanted = shipping.Wanted(name, adapter, _kinds(quant))
    compared = _kinds(compare)
    source = Path(base).expanduser() if base else base_weights()
    mean = lora.average(adapters)
    table: dict[str, Form] = {}
    with shipping.open_base(source, converted(source, cache() / "converted")) as opened:
        done = shipping.export(mean, opened, out, wanted, on_message)
        if verify:
            asked = shipping.questions(questions) if questions else shipping.questions()
            table = shipping.prove(mean, opened, done, compared, asked, on_message)
            proof.demand(table, proof.THRESHOLD if threshold is None else threshold)
    if runs:
        from finetune.export import card

        first, *further = map(card.Run.read, runs)
        made = card.write(out, first, _read(exams), table, len(adapters), further)
        on_message(f"model card: {made}")
    if ollama:
        from digest.model import modelfile
        from digest.model.install import create

        create(modelfile.parse(done.modelfile.read_text("utf-8")), out, ollama, "", on_message)
    if as_json:
        files = [done.modelfile, done.adapter, *done.merged.values()]
        shares = {form: found.agreement.share for form, found in table.items()}
        options.print_json(
            {"files": [str(f) for f in files if f], "agreement": shares, "ollama": ollama}
        )


def _teller(quiet: bool) -> Callable[[str], None]:
    return (lambda _line: None) if quiet else click.echo


def _kinds(named: str) -> tuple[str, ...]:
    """Comma-separated quantizations, each once."""
    from digest.model.quantize import known

    return tuple(dict.fromkeys(known(one.strip()) for one in named.split(",") if one.strip()))


def _read(exams: tuple[str, ...]) -> dict[str, Any]:
    results = {}
    for exam in exams:
        title, _, folder = exam.partition("=")
        results[title] = json.loads((Path(folder) / "metrics.json").read_text("utf-8"))
    return results
