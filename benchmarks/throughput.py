"""Digests a minute: Digest's embedded engine, a plain loop, and the runtime's own ceiling.

    python benchmarks/throughput.py --items items.jsonl --repeat 3

runs the same items through

    (a) digest: `analyze` over the embedded engine, everything included: counting, cutting,
        retries, validation, grounding
    (b) loop: one request after the other to the same llama.cpp with its default settings and
        the same grammar, no retries
    (c) ceiling: the requests that (a) made, with as many tokens in and out, all slots busy,
        without grammar and without any of Digest's own work

in turn, and prints the median of each and the ratios. Items are JSON lines with `title` and
`text`; without --items they are read from examples/inbox. Run it on an otherwise idle machine.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from digest.analyze import analyze
from digest.engines.embedded import CONTEXT, EmbeddedEngine
from digest.grammar import answer_budget, gbnf
from digest.model import weights
from digest.model.cpu import allowed_cores
from digest.prompt import STOP, chatml, messages
from digest.protocols import Answer, Ask
from digest.records import Item
from digest.schema import FIELDS


class Recorder(EmbeddedEngine):
    """The embedded engine, remembering what it was asked and how much it answered."""

    exchanges: list[tuple[Ask, Answer]]

    def answer(self, asks: Sequence[Ask]) -> Iterator[Answer]:
        """Answer, and keep both sides."""
        for answer in super().answer(asks):
            self.exchanges.append((asks[answer.index], answer))
            yield answer


def inbox(folder: Path) -> Iterator[Item]:
    """The items of all mail in a folder."""
    import integrations
    from digest.pipeline import read
    from digest.records import Document

    for raw in integrations.source(f"mailbox:{folder}").fetch(None):
        if isinstance(document := read(raw), Document):
            yield from document.items


def rows(file: Path) -> Iterator[Item]:
    """The items of a file of JSON lines."""
    for n, line in enumerate(file.open(encoding="utf-8")):
        row = json.loads(line)
        yield Item(str(n), 0, "story", row.get("title") or "", row["text"])


def server(slots: int | None) -> Any:
    """llama.cpp with the best weights; `slots` None leaves all settings but the context alone."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights.build())
    params.verbosity, params.ui = -1, False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = allowed_cores()
    params.hostnames = [str(Path(tempfile.mkdtemp(prefix="digest-")) / "llama.sock")]
    params.n_ctx = CONTEXT * (slots or 1)
    if slots:
        params.n_parallel, params.cache_ram_mib = slots, 0
    return xllamacpp.Server(params)


def loop(items: Sequence[Item], limit: int) -> float:
    """(b): seconds for one plain request after the other."""
    llama = server(None)
    began = time.perf_counter()
    for item in items:
        llama.handle_completions(
            {
                "prompt": chatml(messages(item.title, item.text[:limit])),
                "grammar": gbnf(),
                "max_tokens": answer_budget(),
                "stop": [STOP],
                "temperature": 0,
            }
        )
    return time.perf_counter() - began


def ceiling(exchanges: Sequence[tuple[Ask, Answer]], slots: int) -> float:
    """(c): seconds for the same tokens in and out with nothing but the runtime."""
    llama = server(slots)

    def one(exchange: tuple[Ask, Answer]) -> None:
        ask, answer = exchange
        prompt = chatml(ask.messages)
        request = {"prompt": prompt, "max_tokens": answer.tokens_out, "temperature": 0}
        reply = llama.handle_completions({**request, "ignore_eos": True})
        assert reply["usage"]["completion_tokens"] == answer.tokens_out, reply
        assert reply["usage"]["prompt_tokens"] == answer.tokens_in, reply

    began = time.perf_counter()
    with ThreadPoolExecutor(slots) as pool:
        list(pool.map(one, exchanges))
    return time.perf_counter() - began


def once(items: Sequence[Item], limit: int, slots: int) -> dict[str, float]:
    """One round: digests a minute of (a), (b) and (c)."""
    engine = Recorder(slots=slots)
    engine.exchanges = []
    began = time.perf_counter()
    digests = [digest for _, digest in analyze(items, engine)]
    a = time.perf_counter() - began
    engine.close()
    b = loop(items, limit)
    c = ceiling([e for e in engine.exchanges if e[1].tokens_out], engine.slots)
    tokens_in = sum(d.provenance.tokens_in for d in digests)
    tokens_out = sum(d.provenance.tokens_out for d in digests)
    asked, degraded = len(engine.exchanges), sum(bool(d.provenance.degraded) for d in digests)
    print(
        f"  {len(items)} items, {asked} asks, {tokens_in} tokens in, {tokens_out} out, "
        f"{degraded} degraded: a {a:.1f} s, b {b:.1f} s, c {c:.1f} s",
        flush=True,
    )
    return {name: len(items) / seconds * 60 for name, seconds in (("a", a), ("b", b), ("c", c))}


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=Path, help="JSON lines with title and text")
    parser.add_argument("--inbox", type=Path, default=Path("examples/inbox"))
    parser.add_argument("--count", type=int, default=48, help="items at most")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--slots", type=int, default=0, help="0 = as the engine chooses")
    parser.add_argument("--characters", type=int, default=6000, help="of text an item, at most")
    given = parser.parse_args()
    source = rows(given.items) if given.items else inbox(given.inbox)
    short = (item for item in source if len(item.text) <= given.characters)
    items = list(islice(short, given.count))
    weights.build()
    print(f"{weights.find().model}, {allowed_cores()} cores, fields {','.join(FIELDS)}")
    rounds = [once(items, given.characters, given.slots) for _ in range(given.repeat)]
    for name, what in (("a", "digest embedded"), ("b", "plain loop"), ("c", "ceiling")):
        speed = statistics.median(r[name] for r in rounds)
        print(f"({name}) {what:<16} {speed:6.1f} digests a minute")
    for other in ("b", "c"):
        ratio = statistics.median(r["a"] / r[other] for r in rounds)
        print(f"(a)/({other}) {ratio:.2f}")


if __name__ == "__main__":
    main()
