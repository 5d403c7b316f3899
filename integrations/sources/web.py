"""`web:URL`, or `web:FILE` with a URL on each line: pages, without what surrounds the article."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from digest.errors import ConfigError, SourceError
from digest.html.urls import canonical
from digest.mail import charset
from digest.records import MediaType, RawDocument, Skip
from digest.settings import HttpSettings, Settings
from integrations.http.client import PAGES, Client, Limits, Response

MAX_URLS = 1_000  # of one list
_AS_IS: dict[str, MediaType] = {"text/plain": "text/plain", "text/markdown": "text/markdown"}


class WebSource:
    """Web pages by their URLs."""

    def __init__(self, spec: str, argument: str, settings: Settings) -> None:
        self.spec = spec
        self._argument = argument
        self._http = settings.http
        if "://" in argument and not argument.startswith(("http://", "https://")):
            raise ConfigError(f"{spec!r}: only http and https URLs are read")

    def fetch(self, since: datetime | None) -> Iterator[RawDocument | Skip]:
        """Yield the pages; one of a list that cannot be had is a Skip with the reason.

        A page that does not state its date is always yielded. Raises SourceError.
        """
        del since  # the pipeline compares, once the page has said its date
        with open_client(self._http) as client:
            if "://" in self._argument:
                yield read_page(client, self._argument, self.spec, configured=True)
                return
            for url in self._listed():
                try:
                    yield read_page(client, url, self.spec, configured=True)
                except SourceError as error:
                    yield Skip(self.spec, url, str(error))

    def _listed(self) -> Iterator[str]:
        try:
            path = Path(self._argument).expanduser()
            lines = path.read_text("utf-8", errors="replace").splitlines()
        except (OSError, RuntimeError) as error:
            raise SourceError(
                f"{self.spec}: {error}; give a URL, or a file with a URL on each line"
            ) from error
        urls = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        if len(urls) > MAX_URLS:
            raise SourceError(f"{self.spec} lists {len(urls)} URLs; {MAX_URLS} are allowed")
        yield from dict.fromkeys(urls)


def open_client(settings: HttpSettings) -> Client:
    """A client as `[http]` wants it."""
    limits = Limits(size=settings.size, seconds=settings.timeout)
    return Client(allow=settings.allow, limits=limits)


def read_page(client: Client, url: str, spec: str, *, configured: bool = False) -> RawDocument:
    """Fetch a page and keep its main content; `configured` as for `Client.get`.

    Raises SourceError, SourceUnavailable.
    """
    answer = client.get(url, accept=PAGES, configured=configured)
    return from_response(answer.checked(), spec)


def from_response(response: Response, spec: str) -> RawDocument:
    """The document that a 2xx answer holds."""
    media_type = _AS_IS.get(response.media_type)
    if media_type is not None:
        return RawDocument(
            source=spec,
            media_type=media_type,
            content=response.content,
            origin=response.url,
            key=canonical(response.url) or response.url,
            charset=response.charset,
            url=response.url,
            whole=True,
        )
    from integrations.sources import page

    html, _ = charset.decode(response.content, response.charset, html=True)
    found = page.read(html, response.url)
    return RawDocument(
        source=spec,
        media_type="text/html",
        content=found.html.encode("utf-8", "surrogatepass"),
        origin=response.url,
        key=canonical(found.url) or found.url,
        charset="utf-8",
        title=found.title,
        publisher=found.site,
        url=found.url,
        published=found.published,
        whole=True,
    )
