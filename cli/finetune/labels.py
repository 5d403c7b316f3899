"""`digest finetune collect|harvest|generate|review`: documents, labels, and a person's word."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import options
from cli.progress import Progress

if TYPE_CHECKING:
    from digest.settings import Settings
    from finetune.labels.asking import Outcome
    from finetune.labels.collect import CollectReport, Given
    from finetune.labels.labelled import Labelled

file = click.Path(path_type=Path, dir_okay=False)
existing = click.Path(path_type=Path, dir_okay=False, exists=True)
licence = click.option("--licence", default="", help="Of documents that do not state theirs.")
lang = click.option("--lang", default="", metavar="CODE", help="Their language.  [default: seen]")


@click.command()
@click.argument("places", nargs=-1, required=True, metavar="FILE|SPEC...")
@click.option("--out", type=file, required=True, help="The documents; it grows (JSONL).")
@options.since
@licence
@lang
@click.option("--kind", default="", help="What they are: news, blog, social, ...")
@click.option("--min-chars", default=80, show_default=True, help="A text below is left out.")
@options.common(options.config, options.json_output)
def collect(
    places: tuple[str, ...],
    out: Path,
    since: str | None,
    licence: str,
    lang: str,
    kind: str,
    min_chars: int,
    config: Path | None,
    as_json: bool,
) -> None:
    """Collect documents to label, from files and from every source that Digest reads.

    A FILE is a Wikipedia dump or an answer of its API, mediastack's JSON, records in JSON lines,
    JSON, CSV or Parquet, or plain text; what it is, is seen. A SPEC is feed:URL, reddit:NAME,
    hackernews:top, web:URL, folder:PATH, mailbox:PATH and so on. What OUT has is not added again.
    """
    from digest import settings
    from finetune.labels.collect import CollectReport, Given
    from finetune.labels.collection import Collection
    from finetune.labels.labelled import alone

    given, report = Given(licence, lang, kind, min_chars=min_chars), CollectReport()
    chosen = settings.load(config, since=since)
    with alone(out), Collection(out, report) as collection, Progress(quiet=as_json) as progress:
        for place in places:
            for row in _documents(place, given, report, chosen):
                collection.add(row)
                progress("collect", report.rows + report.known, None)
    if as_json:
        options.print_json(vars(report))
        return
    click.echo(f"{report.rows} new, {report.known} known, {report.refused} refused documents")
    for why, count in report.reasons.most_common(10):
        click.echo(f"  {count} x {why}")


def _documents(
    place: str, given: "Given", report: "CollectReport", chosen: "Settings"
) -> "Iterator[Labelled]":
    import integrations
    from digest import pipeline
    from digest.records import Skip
    from finetune.labels import collect as collectors

    if Path(place).exists():
        yield from collectors.read(Path(place), given, report)
        return
    begin = options.start_of(chosen.since)
    for raw in integrations.source(place, chosen).fetch(begin):
        document = pipeline.read(raw)
        if isinstance(document, Skip):
            report.refuse(document.reason)
        else:
            yield from collectors.of_document(document, place, given, report)


@click.command()
@click.option("--out", type=file, required=True, help="The rows; it grows (JSONL).")
@click.option(
    "--search", "text", default="", metavar="WORDS", help="Only stories with all of them."
)
@click.option("--min-relevance", default=0, help="Only stories with at least this score.")
@click.option("--report", "reports", type=existing, multiple=True,
              help="A report's markdown that you corrected. Repeatable.")  # fmt: skip
@options.common(options.source, options.since, options.ledger, options.config, options.json_output)
def harvest(
    out: Path,
    text: str,
    min_relevance: int,
    reports: tuple[Path, ...],
    source: tuple[str, ...],
    since: str | None,
    ledger: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Take the stories of your own ledger as documents, with their digests as drafts.

    A draft is not learnt from before `review` accepts or corrects it, or before you corrected it
    in the markdown of a report. Harvest again and new stories are added; what was reviewed stays.
    """
    from digest import settings
    from digest.errors import LedgerError
    from digest.storage.ledger import utc
    from digest.storage.queries import Search
    from finetune.labels import corrections
    from finetune.labels import harvest as ledgers

    chosen = settings.load(config, ledger=ledger)
    if not chosen.ledger.is_file():
        raise LedgerError(f"there is no ledger {chosen.ledger}; run `digest run` first")
    begin = utc(options.start_of(since)) if since else ""
    search = Search(text=text, since=begin, sources=source, min_relevance=min_relevance)
    changed = [one for path in reports for one in corrections.read(path, chosen.ledger)]
    told = ledgers.harvest(chosen.ledger, out, search, changed)
    if as_json:
        options.print_json(asdict(told))
        return
    click.echo(f"{told.new} new documents, {told.drafts} of them with a draft")
    click.echo(f"{told.kept} were there, {told.reviewed} of them reviewed")
    if reports:
        click.echo(f"{len(changed)} corrections in reports, {told.corrected} taken")


@click.command()
@click.option(
    "--teacher",
    "specs",
    multiple=True,
    required=True,
    metavar="SPEC",
    help="URL#MODEL, ollama:NAME, ollama, embedded, extractive, gguf:FILE. Repeatable.",
)
@click.option("--in", "documents", type=existing, required=True, help="Documents, or rows.")
@click.option("--out", type=file, required=True, help="The labelled rows (JSONL).")
@options.fields
@click.option("--n-words", default=0, help="Words of a summary.  [default: 25 to 70]")
@click.option(
    "--language", default="English", show_default=True, help="Of the texts; name or code."
)
@click.option("--relabel", is_flag=True, help="Ask for fields that have labels, too.")
@click.option("--key", "keys", multiple=True, metavar="[HOST=]VARIABLE",
              help="Environment variable with the key of a URL. Repeatable.")  # fmt: skip
@click.option("--price", "prices", multiple=True, metavar="IN,OUT",
              help="Of a million tokens, for each teacher in turn.")  # fmt: skip
@click.option("--budget", default=0.0, help="Stop when this much is spent.  [default: no limit]")
@click.option("--requests-a-minute", default=0, help="Of each URL.  [default: no limit]")
@click.option("--tokens-a-minute", default=0, help="Of each URL.  [default: no limit]")
@click.option("--parallel", default=4, show_default=True, help="Requests at once, to each URL.")
@click.option(
    "--context", default=16_384, show_default=True, help="Tokens that a URL's model takes."
)
@options.common(options.config, options.json_output)
def generate(
    specs: tuple[str, ...],
    documents: Path,
    out: Path,
    fields: str | None,
    n_words: int,
    language: str,
    relabel: bool,
    keys: tuple[str, ...],
    prices: tuple[str, ...],
    budget: float,
    requests_a_minute: int,
    tokens_a_minute: int,
    parallel: int,
    context: int,
    config: Path | None,
    as_json: bool,
) -> None:
    """Have teachers write the labels of documents.

    Every answer is kept as it comes: the same command goes on after any interruption and asks
    nothing twice. Fields that a row has labels for are not asked. An answer that breaks the
    contract is sent back once with the reason, then put into OUT's .rejected.jsonl. With several
    teachers the labels are the ones that agree best, and each row notes how far they agree.
    """
    from digest import settings
    from digest.schema import select
    from finetune.labels import asking, teachers
    from finetune.labels.collect import CollectReport, Given, read
    from finetune.labels.generate import generate as label
    from finetune.labels.guide import Wish

    service = teachers.Service(
        teachers.keys(keys, specs), requests_a_minute, tokens_a_minute, parallel, context
    )
    chosen = settings.load(config)
    costs = teachers.prices(prices, specs)
    named = [teachers.teacher(spec, chosen, service, costs[spec]) for spec in specs]
    wanted = asking.Wanted(select(fields), Wish.of(language, n_words), relabel, budget)
    reports: list[CollectReport] = []  # one for each time that the documents are read

    def source() -> "Iterator[Labelled]":
        reports.append(CollectReport())
        return read(documents, Given(min_chars=1), reports[-1])

    with Progress(quiet=as_json) as progress:
        outcome = label(
            source,
            named,
            wanted,
            out,
            progress=lambda done, total: progress("generate", done, total),
        )
    if as_json:
        options.print_json({k: v for k, v in vars(outcome).items() if k != "trouble"})
    else:
        if refused := reports[0].refused:
            why = reports[0].reasons.most_common(1)[0][0]
            click.echo(f"{refused} records are no documents: {why}", err=True)
        _tell(outcome, out)
    if outcome.trouble:
        raise outcome.trouble
    if outcome.stopped:
        raise click.exceptions.Exit(75)


def _tell(outcome: "Outcome", out: Path) -> None:
    click.echo(f"{out}: {outcome.rows} rows, {outcome.made} of these documents")
    cost = "" if outcome.cost is None else f", cost {outcome.cost:.4f}"
    click.echo(
        f"{outcome.asked} questions now; {outcome.tokens_in} tokens in, {outcome.tokens_out} out, "
        f"{outcome.repaired} answers repaired{cost}"
    )
    if outcome.agreement:
        told = ", ".join(f"{name} {value:.2f}" for name, value in outcome.agreement.items())
        click.echo(f"agreement: {told}")
    if outcome.rejected:
        click.echo(f"{outcome.rejected} rejected, see {out.with_suffix('.rejected.jsonl')}")
        for why, count in outcome.reasons.most_common(5):
            click.echo(f"  {count} x {why}")
    if outcome.stopped:
        click.echo(f"ended early, for {outcome.stopped}")
    if outcome.pending:
        click.echo(f"{outcome.pending} documents are left; the same command goes on")


@click.command()
@click.argument("rows", type=existing)
@click.option("--order", type=click.Choice(["doubt", "file"]), default="doubt", show_default=True,
              help="Doubtful rows first, or as they stand.")  # fmt: skip
@click.option("--open/--no-open", "browse", default=True, help="Open the browser.")
@click.option("--statistics", "only_statistics", is_flag=True, help="Print them, and no page.")
@options.json_output
def review(rows: Path, order: str, browse: bool, only_statistics: bool, as_json: bool) -> None:
    """Accept, edit or reject labels on a page of your own browser; `?` there shows the keys.

    The page is served to this machine alone. Each verdict is in the file at once: accepted and
    edited labels are learnt from, a rejected row has none. Ends with `q` on the page or Ctrl-C.
    """
    from contextlib import closing

    from finetune.labels.review import Session, described
    from finetune.labels.review_server import ReviewServer

    with closing(Session(rows, doubtful_first=order == "doubt")) as session:
        if not only_statistics:
            _serve(ReviewServer(session), browse)
        found = session.statistics()
    if as_json:
        options.print_json(found)
    else:
        click.echo("\n".join(described(found)))


def _serve(server: Any, browse: bool) -> None:
    import signal
    import threading
    import webbrowser

    click.echo(f"review: {server.url}", err=True)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: server.stop())
    if browse:
        webbrowser.open(server.url)
    try:
        server.serve()
    except KeyboardInterrupt:
        click.echo(err=True)


COMMANDS: Sequence[click.Command] = (collect, harvest, generate, review)
