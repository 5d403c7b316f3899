"""Feed broken content to every reader: `make fuzz`, or `python tests/fuzz.py SECONDS [TARGET...]`.

Seeds are cut, doubled, spliced and flipped. With `atheris` before the seconds the inputs are
steered by the coverage of our own code instead (`pip install atheris`; `make fuzz ATHERIS=1` does
both). What breaks a reader, or takes it long, is written to tests/fixtures/crashes, where
test_crashes.py replays it for ever.
"""

import hashlib
import importlib.util
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
CRASHES = Path(__file__).parent / "fixtures" / "crashes"
SECONDS = 5.0  # of processor time that no input may take

_TOKENS = [
    b"<div>", b"</div>", b"<table><tr><td>", b"<p>", b"<a href='", b"<![CDATA[", b"]]>", b"<!--",
    b"&#0;", b"&amp;", b"=?utf-8?q?", b"?=", b"=3D", b"\r\n\r\n", b"\n--b\n",
    b"Content-Type: multipart/mixed; ",
    b"boundary=b\n", b"charset=utf-7", b"\x00", b"\xff\xfe", b"\xed\xa0\x80",
    b"<rss version='2.0'>",
    b"<item>", b"<entry>", b"<!DOCTYPE x [", b"{\"", b"\":", b"[", b"null", b"1e999", b"\\ud800",
    b"http://[", b"http://a:99999/", b"javascript:", b"style='display:none", b"\xe2\x80\x8b",
]  # fmt: skip


def _read(media_type: str) -> Callable[[bytes], None]:
    def target(content: bytes) -> None:
        from digest import extract
        from digest.errors import Unreadable
        from digest.records import RawDocument

        try:
            extract.read(RawDocument("fuzz:x", media_type, content, "fuzz"))  # type: ignore[arg-type]
        except Unreadable as error:
            assert str(error)

    return target


def _feed(content: bytes) -> None:
    from digest.errors import SourceError
    from integrations.sources import feedparse

    try:
        feedparse.parse(content, "https://news.example/feed")
    except SourceError as error:
        assert str(error)


def _page(content: bytes) -> None:
    from integrations.sources import page

    page.read(content.decode("utf-8", "replace"), "https://news.example/a")


def _answer(content: bytes) -> None:
    from digest import schema
    from digest.errors import InvalidAnswer

    try:
        digest = schema.parse(content.decode("utf-8", "replace"))
    except InvalidAnswer as error:
        assert str(error)
    else:
        assert schema.parse(digest.to_json()) == digest


def _link(content: bytes) -> None:
    from digest.html.urls import canonical, unwrap

    url = content.decode("utf-8", "replace")
    assert unwrap(url) == "" or unwrap(url).startswith(("http://", "https://", "mailto:"))
    assert canonical(canonical(url)) == canonical(url)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "mail": _read("message/rfc822"),
    "html": _read("text/html"),
    "markdown": _read("text/markdown"),
    "feed": _feed,
    "page": _page,
    "answer": _answer,
    "link": _link,
}


def seeds(target: str) -> list[bytes]:
    """What a target is begun with."""
    inbox = [path.read_bytes() for path in sorted((ROOT / "examples" / "inbox").glob("*.eml"))]
    own = {
        "feed": [
            b"<rss version='2.0'><channel><title>T</title><item><title>A</title><link>http://e.org/a"
            b"</link><guid>1</guid><pubDate>Fri, 20 Nov 2026 08:00:00 GMT</pubDate><description>"
            b"&lt;p&gt;x&lt;/p&gt;</description></item></channel></rss>",
            b"<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>1</id><title type='html'>a"
            b"</title><link href='b'/><content type='xhtml'><div>x</div></content></entry></feed>",
            b'{"version":"https://jsonfeed.org/version/1.1","items":[{"id":"1","url":"/a"}]}',
        ],
        "answer": [
            b'{"title":"A title","summary":"A summary of it","highlights":["x"],"names":["A"],'
            b'"domains":["ai"],"relevance_score":5,"key_insights":["B"],"company_names":[]}'
        ],
        "link": [
            b"https://click.example/?url=https%3A%2F%2Fe.org%2Fa%3Futm_source%3Dx&u=aHR0cHM6Ly9lLm9yZw"
        ],
        "markdown": [b"# Title\n\nText with [a link](https://e.org) and `code`.\n\n- one\n- two\n"],
    }
    return own.get(target, inbox) or [b""]


def mutate(seed: bytes, dice: random.Random, others: list[bytes]) -> bytes:
    """A few edits."""
    data = bytearray(seed)
    for _ in range(dice.randint(1, 8)):
        at = dice.randint(0, len(data))
        to = min(len(data), at + int(dice.expovariate(1 / 40)))
        match dice.randint(0, 5):
            case 0:
                del data[at:to]
            case 1:
                data[at:at] = dice.choice(_TOKENS)
            case 2:
                data[at:at] = dice.choice(_TOKENS) * int(dice.expovariate(1 / 200))
            case 3:
                data[at:to] = bytes(dice.randrange(256) for _ in range(to - at))
            case 4:
                data[at:at] = data[at:to] * dice.randint(1, 30)
            case _:
                other = dice.choice(others)
                cut = dice.randint(0, len(other))
                data[at:] = other[cut:]
    return bytes(data[: 1 << 20])


def check(name: str, content: bytes) -> str:
    """What is wrong with how a target takes this content; "" if nothing is."""
    began = time.process_time()
    try:
        TARGETS[name](content)
    except Exception as error:  # that is what is looked for
        return f"{type(error).__name__}: {str(error)[:200]}"
    took = time.process_time() - began
    return f"{took:.1f} s" if took > SECONDS else ""


def steer(name: str, seconds: int, corpus: str) -> None:
    """Let atheris look for what breaks a target. It leaves the process: 0 if nothing was found."""
    import atheris  # type: ignore[import-not-found]

    # Our rooms are imported here, for only code that is imported under its eyes can steer it.
    with atheris.instrument_imports(include=["digest", "integrations"]):
        for seed in seeds(name):
            check(name, seed)
    CRASHES.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={seconds}",
        "-timeout=60",  # by the clock, which on a busy machine is not the processor's time
        "-report_slow_units=60",
        "-rss_limit_mb=2048",
        "-max_len=65536",
        "-verbosity=0",
        "-print_final_stats=1",
        f"-artifact_prefix={CRASHES / name}-",
    ]
    atheris.Setup([sys.argv[0], *options, corpus], TARGETS[name])
    atheris.Fuzz()


def _steered(names: list[str], seconds: float) -> int:
    if importlib.util.find_spec("atheris") is None:
        sys.stderr.write("fuzz: atheris is not here; install it: pip install atheris\n")
        return 2
    found = 0
    for name in names:
        with tempfile.TemporaryDirectory() as corpus:
            for number, seed in enumerate(seeds(name)):
                (Path(corpus) / str(number)).write_bytes(seed)
            own = [sys.executable, __file__, "steer", name, str(int(seconds)), corpus]
            done = subprocess.run(own, capture_output=True, text=True, check=False)
        executed = done.stderr.partition("stat::number_of_executed_units:")[2].split("\n")[0]
        sys.stdout.write(f"{name}: {executed.strip() or '?'} inputs, steered\n")
        if done.returncode:
            found += 1
            sys.stdout.write(done.stdout[-3000:] + done.stderr[-3000:])
        sys.stdout.flush()
    return 1 if found else 0


def main(arguments: list[str]) -> int:
    """Fuzz each target for its share of the time; 1 if something was found."""
    if arguments[:1] == ["steer"]:
        steer(arguments[1], int(arguments[2]), arguments[3])
    steered = arguments[:1] == ["atheris"]
    arguments = arguments[steered:]
    seconds = float(arguments[0]) if arguments else 60.0
    names = arguments[1:] or list(TARGETS)
    if steered:
        return _steered(names, seconds / len(names))
    found = 0
    for name in names:
        seed = time.time_ns()
        dice = random.Random(seed)
        pool, tried, end = seeds(name), 0, time.monotonic() + seconds / len(names)
        while time.monotonic() < end:
            content = mutate(dice.choice(pool), dice, pool)
            tried += 1
            if wrong := check(name, content):
                found += 1
                CRASHES.mkdir(parents=True, exist_ok=True)
                path = CRASHES / f"{name}-{hashlib.sha256(content).hexdigest()[:12]}"
                path.write_bytes(content)
                sys.stdout.write(f"{name}: {wrong}\n    {path}\n")
        sys.stdout.write(f"{name}: {tried} inputs, seed {seed}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
