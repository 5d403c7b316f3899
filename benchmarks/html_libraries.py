"""Which HTML parser reads newsletters as a browser does, and how fast.

    python benchmarks/html_libraries.py [FOLDER]

FOLDER holds .eml and .html files (default: the shared newsletters). html5lib, the slow reference
implementation of the standard, is the yardstick: `words` and `links` are the share of files for
which a library finds the very same visible words in the same order, and the same links with the
same text. `deep` is the time for 40,000 nested <div>, given up after 20 s.

Needs: pip install lxml beautifulsoup4 html5lib resiliparse
"""

import multiprocessing
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from digest.html import dom
from digest.mail import charset, message

SHARED = Path(__file__).parents[1].parent / "shared" / "data" / "newsletters"
GONE = ("script", "style", "head", "title", "template", "noscript")
Reading = tuple[list[str], list[tuple[str, str]]]  # words; links as (href, text)


def lexbor(html: str) -> Reading:
    """Selectolax's binding of lexbor."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(html)
    tree.strip_tags(list(GONE))
    links = [
        (node.attributes.get("href") or "", " ".join(node.text().split()))
        for node in tree.css("a[href]")
    ]
    return (tree.root.text() if tree.root else "").split(), links


def flattened(html: str) -> Reading:
    """As Digest does it."""
    return lexbor(dom.flatten(html))


def lxml(html: str) -> Reading:
    """libxml2's own rules."""
    import lxml.html

    parser = lxml.html.HTMLParser(huge_tree=True, encoding="utf-8", remove_comments=True)
    tree = lxml.html.document_fromstring(html.encode("utf-8", "replace"), parser=parser)
    for node in list(tree.iter(*GONE)):
        node.drop_tree()
    links = [
        (a.get("href"), " ".join(a.text_content().split())) for a in tree.iterfind(".//a[@href]")
    ]
    return tree.text_content().split(), links


def _soup(html: str, parser: str) -> Reading:
    from bs4 import BeautifulSoup, Comment, Doctype

    soup = BeautifulSoup(html, parser)
    for node in soup(GONE):
        node.decompose()
    for node in soup.find_all(string=lambda s: isinstance(s, Comment | Doctype)):
        node.extract()
    links = [(a["href"], " ".join(a.get_text().split())) for a in soup.find_all("a", href=True)]
    return soup.get_text().split(), links


def html5lib(html: str) -> Reading:
    """The standard, in Python."""
    return _soup(html, "html5lib")


def soup_lxml(html: str) -> Reading:
    """libxml2 behind BeautifulSoup."""
    return _soup(html, "lxml")


def resiliparse(html: str) -> Reading:
    """Resiliparse's binding of lexbor."""
    from resiliparse.parse.html import HTMLTree

    tree = HTMLTree.parse(html)
    for node in tree.document.query_selector_all(", ".join(GONE)):
        if node.parent is not None:
            node.parent.remove_child(node)
    links = [
        (a.getattr("href", ""), " ".join(a.text.split()))
        for a in tree.document.query_selector_all("a[href]")
    ]
    return tree.document.text.split(), links


LIBRARIES: dict[str, Callable[[str], Reading]] = {
    "html5lib (yardstick)": html5lib,
    "selectolax lexbor": lexbor,
    "selectolax, flattened": flattened,
    "resiliparse lexbor": resiliparse,
    "lxml.html": lxml,
    "BeautifulSoup + lxml": soup_lxml,
}


def pages(folder: Path) -> list[str]:
    """The HTML of every file that has some."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix == ".html":
            found.append(charset.decode(path.read_bytes(), html=True)[0])
        elif path.suffix == ".eml":
            found.append(message.parse(path.read_bytes()).html)
    return [html for html in found if html.strip()]


def deep(name: str) -> str:
    """CPU seconds for a page nested absurdly deep, in a process that can be ended."""
    process = multiprocessing.Process(target=LIBRARIES[name], args=("<div>" * 40_000,))
    started = time.perf_counter()
    process.start()
    process.join(20)
    if process.is_alive():
        process.terminate()
        return "> 20 s"
    return f"{time.perf_counter() - started:.1f} s" if process.exitcode == 0 else "crash"


def measure(name: str, html: list[str]) -> tuple[list[Reading], float]:
    """All readings of one library, and its CPU milliseconds a page."""
    readings: list[Reading] = []
    started = time.process_time()
    for page in html:
        try:
            readings.append(LIBRARIES[name](page))
        except Exception as error:  # a parser that fails on a page has lost it
            print(f"  {name}: {error!r}"[:100])
            readings.append(([], []))
    return readings, (time.process_time() - started) * 1000 / len(html)


def main() -> None:
    """Print the table."""
    html = pages(Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED)
    print(f"{len(html)} pages, {sum(map(len, html)) / 1e6:.1f} million characters")
    print(f"{'library':22}{'ms a page':>10}{'same words':>12}{'same links':>12}{'deep':>10}")
    reference: list[Reading] = []
    for name in LIBRARIES:
        try:
            with ProcessPoolExecutor(1) as apart:  # a library may take its process down
                readings, spent = apart.submit(measure, name, html).result()
        except BrokenProcessPool:
            print(f"{name:22}{'crashed':>10}")
            continue
        reference = reference or readings
        pairs = list(zip(readings, reference, strict=True))
        same = sum("".join(got[0]) == "".join(want[0]) for got, want in pairs) / len(pairs)
        links = sum(got[1] == want[1] for got, want in pairs) / len(pairs)
        print(f"{name:22}{spent:10.1f}{same:12.1%}{links:12.1%}{deep(name):>10}")


if __name__ == "__main__":
    main()
