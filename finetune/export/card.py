"""The model card: what the adapter is, was made from, and is worth. Written from the run's own
files, so that no number in it was typed by hand.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digest.errors import ConfigError
from digest.prompt import PROMPT_VERSION, STOP, system
from digest.records import STATEMENT_FIELDS
from digest.schema import FIELDS
from finetune.data.prepared import FACTS
from finetune.evaluation.evaluate import markdown
from finetune.evaluation.metrics import HEADLINE
from finetune.export.verify import Form


@dataclass(frozen=True, slots=True)
class Run:
    """What a training run left behind."""

    config: dict[str, Any]
    data: dict[str, Any]  # finetune.data.prepared's facts
    log: list[dict[str, Any]]

    @classmethod
    def read(cls, folder: Path) -> "Run":
        """Read a run's folder. Raises ConfigError."""
        try:
            data = json.loads((folder / "data" / FACTS).read_text("utf-8"))
            config = json.loads((folder / "config.json").read_text("utf-8"))
            lines = (folder / "log.jsonl").read_text("utf-8").splitlines()
        except OSError as error:
            raise ConfigError(
                f"{folder} is not a prepared and trained run ({error}); "
                "run `digest finetune prepare` and `train`"
            ) from error
        return cls(config, data, [json.loads(line) for line in lines])


def write(
    out: Path,
    run: Run,
    exams: Mapping[str, dict[str, float]],
    agreement: Mapping[str, Form],
    averaged: int,
    further: Sequence[Run] = (),
) -> Path:
    """Write README.md into `out`. `exams` maps a column's title to its metrics, `agreement` a
    form's name to how often it answers as the trained model does; `further` are the runs on the
    same rows that other adapters of the `averaged` ones come from.
    """
    if run.config.get("task", "digest") != "digest":
        parts = [_taught(run), _rows(run.data), _learnt(run, averaged), _agreement(agreement)]
    else:
        parts = [
            _head(run),
            _use(),
            _data(run.data),
            _quotes(run),
            _training(run, averaged, further),
            _results(exams),
            _agreement(agreement),
            _limits(run),
        ]
    target = out / "README.md"
    target.write_text("\n".join(part for part in parts if part), "utf-8")
    return target


# --- other tasks ---------------------------------------------------------------------------------


def _taught(run: Run) -> str:
    """What it is, for a task beside digests: no more is said than the run knows."""
    config = run.config
    told = {"text": "goes on with texts like those that it was trained on",
            "template": f"fills in the template `{config['template']}`",
            "summarize": f"summarizes texts in the language `{config['lang']}`, in at most "
                         f"{config['n_words']} words"}[config["task"]]  # fmt: skip
    return f"""---
library_name: gguf
tags: [lora, {config["task"]}]
---

# A model that {told}

A LoRA adapter over {config["base"] or "the base that Digest pins"}, made by `digest finetune train
--task {config["task"]}`. `task.json` says what it was taught, the `Modelfile` how Ollama asks it.
What it writes may be false, and may repeat what it was trained on.
"""


def _rows(data: dict[str, Any]) -> str:
    lines = "".join(
        f"| {name} | {data[name]['rows']} | {data[name]['groups']} | `{data[name]['sha256']}` |\n"
        for name in ("train", "validation")
    )
    licences = data["train"]["licences"]
    named = ", ".join(f"{name or 'none named'} ({count})" for name, count in licences.items())
    return f"""## Data

Licences of the training rows: {named}. Groups never cross the split.

| part | rows | groups | SHA-256 |
|---|---|---|---|
{lines}"""


def _learnt(run: Run, averaged: int) -> str:
    how, lora = run.config["train"], run.config["lora"]
    steps = [entry for entry in run.log if "step" in entry]
    losses = [entry["validation"] for entry in steps if "validation" in entry]
    measured = (
        f"validation loss {losses[0]:.3f}, then {losses[-1]:.3f}" if losses else "none measured"
    )
    kind = ", rsLoRA" if lora["rslora"] else ""
    kind += ", embedding and output head whole" if lora["embeddings"] else ""
    tokens = sum(entry["tokens"] for entry in steps)
    return f"""## Training

Rank {lora["rank"]}, alpha {lora["alpha"]:g}{kind}; {len(steps)} steps, {tokens:,} tokens, learning
rate {how["lr"]:g}; on held-out rows: {measured}. Checkpoints averaged: {averaged}.
"""


# --- digests -------------------------------------------------------------------------------------


def _quoting(run: Run) -> bool:
    """Whether titles, summaries and highlights were learnt as quotations."""
    return bool(run.config["data"].get("quotes"))


def _head(run: Run) -> str:
    said = (
        "Title, summary and highlights were learnt as sentences copied from the story."
        if _quoting(run)
        else "Title, summary and highlights are in the model's own words."
    )
    return f"""---
license: apache-2.0
base_model: HuggingFaceTB/SmolLM2-135M-Instruct
library_name: gguf
tags: [lora, summarization, information-extraction, newsletters]
---

# digest: a LoRA adapter on SmolLM2-135M-Instruct

It turns one story of a newsletter, a blog, the news or a social post into a digest: title,
summary, highlights, names, domains, relevance to a reader who follows AI and technology, theme
tags and companies, as one line of JSON. {said}

| file | what |
|---|---|
| `adapter.gguf` | the adapter, for llama.cpp, Ollama and `digest model build` |
| `Modelfile` | template, system message, stop token, context for Ollama |
| `reference.jsonl` | questions with this model's answers, to verify an installation by |
"""


def _use() -> str:
    asked = ", ".join(name for name in FIELDS if name not in STATEMENT_FIELDS)
    quoted = ", ".join(STATEMENT_FIELDS)
    return f"""## Use

System message: `{system()}`, or any of these fields, in this order. User message: `# TITLE`, a
blank line, the text (up to 2,048 tokens). The answer ends with `{STOP}`. Prompt version
{PROMPT_VERSION}. Decode greedily, and with a grammar that allows exactly the asked fields, as
`digest run` does. `digest run` asks for {asked} only, and quotes
{quoted} from the story by its own code. Meant for reports that link each
story to its source; not for decisions about people, and not as a source of facts without that
link.
"""


def _data(data: dict[str, Any]) -> str:
    rows = "".join(
        f"| {name} | {data[name]['rows']} | {data[name]['groups']} | `{data[name]['sha256']}` |\n"
        for name in ("train", "validation")
    )
    licences = Counter(data["train"]["licences"]) + Counter(data["validation"]["licences"])
    listed = "".join(f"- {name}: {count} rows\n" for name, count in licences.most_common())
    return f"""## Data

{data["source"]["rows"]} documents with digests written by a large teacher model under one guide,
364 of them with the relevance, tags and companies of a human annotator (`{data["source"]["file"]}`,
SHA-256 `{data["source"]["sha256"]}`).

| part | rows | groups | SHA-256 |
|---|---|---|---|
{rows}
Split by group (a newsletter issue, or a story with its translations): of each source the latest
groups whose date is known, else groups in hash order, until 7.5 % of its rows are held out. No
group and no text stands on both sides. The texts themselves are not part of this model card or
of the adapter; their sources declare these licences:

{listed}"""


def _quotes(run: Run) -> str:
    """Whose choice of sentences the run learnt, as far as its own files tell."""
    if not _quoting(run):
        return ""
    told = run.data.get("quotes", {})
    name = told.get("file") or Path(run.config["data"]["quotes"]).name
    by = told.get("editor") or run.config["data"].get("editor") or "not named by the run"
    lines = [
        "## Quotations",
        "",
        "Titles, summaries and highlights of the rows are an editor's choice of the text's own",
        "sentences. A row without a choice has its text as its summary, and no highlights.",
        "",
        f"- choice: `{name}`" + (f", SHA-256 `{told['sha256']}`" if "sha256" in told else ""),
        f"- editor: {by}",
    ]
    for part in ("train", "validation"):
        if "chosen" in run.data[part]:
            lines.append(f"- {part}: {run.data[part]['chosen']} of {run.data[part]['rows']} rows")
    return "\n".join(lines) + "\n"


def _training(run: Run, averaged: int, further: Sequence[Run]) -> str:
    steps = [entry for entry in run.log if "step" in entry]
    start = next(entry for entry in run.log if entry.get("event") == "start")
    tokens = sum(entry["tokens"] for entry in steps)
    seconds = steps[-1]["elapsed"]
    how, lora = run.config["train"], run.config["lora"]
    losses = [e["validation"] for e in steps if "validation" in e]
    mean = f" The adapter is the mean of the last {averaged} checkpoints." if averaged > 1 else ""
    if further:
        mean = f" The adapter is a mean of {averaged}, of this run and of those named below."
    others = "".join(f"\n{_further(other)}" for other in further)
    data = run.config["data"]
    return f"""## Training

LoRA of rank {lora["rank"]}, alpha {lora["alpha"]:.0f}, on all linear layers; base in
{how["dtype"]}, adapter with float32 masters. {len(steps)} steps of {how["batch"]} examples,
{how["epochs"]:g} epochs, {tokens:,} tokens, learning rate {how["lr"]:g} ({how["schedule"]}), loss
on the answers only.{mean} {seconds / 60:.0f} minutes on {start["threads"]} CPU threads that other
work shared ({tokens / seconds:.0f} tokens/s). Validation loss {losses[0]:.3f} at its first
measurement, {losses[-1]:.3f} at the last.

Mixture: texts cut to `{json.dumps(data["caps"])}`; asked for `{json.dumps(data["asks"])}`; texts
under {data["twice_below_tokens"]} tokens asked a second time for a subset.
{others}"""


def _further(run: Run) -> str:
    steps = [entry for entry in run.log if "step" in entry]
    tokens = sum(entry["tokens"] for entry in steps)
    how, asks = run.config["train"], json.dumps(run.config["data"]["asks"])
    losses = [f"{e['validation']:.3f}" for e in steps if "validation" in e]
    loss = losses[-1] if losses else "not measured"
    return f"""Then, from an adapter of a run before it, on the same rows in another order:
{len(steps)} steps of {how["batch"]} examples, {tokens:,} tokens, learning rate {how["lr"]:g}
({how["schedule"]}); asked for `{asks}`; validation loss {loss} at the end.
"""


def _results(exams: Mapping[str, dict[str, float]]) -> str:
    if not exams:
        return "## Results\n\nNot measured yet.\n"
    count = next(iter(exams.values()))["n"]
    if count < HEADLINE:
        return f"## Results\n\nn = {count:.0f}: too few rows for a headline.\n"
    return f"""## Results

On the {count:.0f} validation rows, one greedy answer each, constrained by the grammar; 95 %
bootstrap intervals over rows. `docs/evaluation.md` defines each name.

{markdown(dict(exams))}"""


def _agreement(table: Mapping[str, Form]) -> str:
    if not table:
        return "## The same answers everywhere\n\nNot measured yet.\n"
    rows = "".join(
        f"| {name} | {form.makeup.size / 1e6:.0f} MB | {form.makeup.bits_per_weight:.2f} "
        f"| {len(form.makeup.fell_back)} | {form.agreement.share:.1%} "
        f"({form.agreement.same_fields}/{form.agreement.fields}) "
        f"| {form.agreement.same_answers}/{form.agreement.answers} |\n"
        for name, form in table.items()
    )
    return f"""## The same answers everywhere

Answers of the exported forms in llama.cpp against the trained model in transformers (float32),
all asked the reference questions greedily and without a grammar. Fell back: matrices whose width
does not fit the type that the form is named after, stored in a larger one.

| form | size | bits per weight | fell back | same fields | same answers |
|---|---|---|---|---|---|
{rows}"""


def _limits(run: Run) -> str:
    longest = max(cap["tokens"] for cap in run.config["data"]["caps"])
    said = (
        """it may copy the wrong sentences, or copy wrongly: nothing in the weights
  keeps it to the text. `digest run` does not take these from it. What it copies it may also have
  from the rows that it was trained on, whose sentences were its answers, word for word."""
        if _quoting(run)
        else """it misreads numbers, mixes up who did what, and shortens by leaving out.
  Titles, summaries and highlights may say what the text does not. `digest run` does not take these
  from it."""
    )
    foreign = "quoted in their own" if _quoting(run) else "answered in English"
    return f"""## Limits

- 135 million parameters: {said} Names are checked against the text afterwards.
- Labels come from one teacher model and one annotator: they carry those two's taste, above all in
  relevance and tags.
- Mostly English; one row in ten is in one of 20 other languages, {foreign}.
- Trained on texts cut to at most {longest:,} tokens; it reads 2,048.
"""
