"""`drive:FOLDER/SUBFOLDER`: each report as a Google Doc, because NotebookLM takes no .md file.

Digest sees only files that it made itself (scope drive.file). A report is recognised by the key
in `appProperties`, which Drive stores with the file in one step, else by its name.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from digest.errors import ConfigError
from digest.protocols import Delivery
from digest.records import fingerprint
from digest.settings import Settings
from integrations.google import auth
from integrations.google.api import Api, Json
from integrations.google.upload import upload

DOC = "application/vnd.google-apps.document"
FOLDER = "application/vnd.google-apps.folder"
MARKDOWN = "text/markdown"
PDF = "application/pdf"
KEY = "digestKey"
FIELDS = "id,name,mimeType,appProperties,webViewLink"


@dataclass(frozen=True, slots=True)
class ReportFile:
    """One file of a report: its key, name and type in Drive."""

    key: str
    name: str
    mime_type: str


class DriveSink:
    """A folder in Drive, made if missing."""

    def __init__(self, spec: str, argument: str, settings: Settings) -> None:
        self.spec = spec
        self._path = [part.strip() for part in argument.split("/") if part.strip()]
        if not self._path:
            raise ConfigError(f"{spec!r} names no folder; write drive:FOLDER/SUBFOLDER")
        self._account = auth.Account.of(auth.named(spec), settings.google)
        self._google = settings.google

    def find(self, key: str, name: str) -> Delivery | None:
        """The report, if Drive holds all of its files."""
        api = self._api()
        folder = self._folder(api, make=False)
        if not folder:
            return None
        held = [_held(api, folder, part) for part in self._parts(key, name)]
        return _delivery(held[0]) if held[0] and all(held) else None

    def deliver(self, key: str, name: str, markdown: str, html: str) -> Delivery:
        """Write the report; files that are there are updated in place. Raises SinkError."""
        del html
        api = self._api()
        folder = self._folder(api, make=True)
        doc: Json = {}
        for part in self._parts(key, name):
            if part.mime_type == DOC:
                content, kind = for_docs(markdown).encode(), MARKDOWN
            elif part.mime_type == PDF:
                content, kind = _pdf(api, doc["id"]), PDF
            else:
                content, kind = markdown.encode(), MARKDOWN
            written = self._write(api, folder, part, content, kind)
            doc = doc or written
        return _delivery(doc)

    def _api(self) -> Api:
        return Api(self._account, self._google, auth.DRIVE)

    def _parts(self, key: str, name: str) -> Iterator[ReportFile]:
        yield ReportFile(key, name, DOC)
        if "md" in self._google.beside:
            yield ReportFile(fingerprint(key, "md"), f"{name}.md", MARKDOWN)
        if "pdf" in self._google.beside:
            yield ReportFile(fingerprint(key, "pdf"), f"{name}.pdf", PDF)

    def _write(self, api: Api, folder: str, part: ReportFile, content: bytes, kind: str) -> Json:
        if found := _held(api, folder, part):
            return upload(api, found["id"], {}, content, kind, FIELDS)
        meta = {
            "name": part.name,
            "mimeType": part.mime_type,
            "parents": [folder],
            "appProperties": {KEY: part.key},
        }
        return upload(api, "", meta, content, kind, FIELDS, unless=lambda: _held(api, folder, part))

    def _folder(self, api: Api, *, make: bool) -> str:
        """The id of the folder; "" if it is not there and not to be made."""
        parent = "root"
        for name in self._path:
            found = _subfolder(api, parent, name)
            if not found and not make:
                return ""
            parent = str((found or _make_folder(api, parent, name))["id"])
        return parent


def for_docs(markdown: str) -> str:
    """The report as a Google Doc wants it: no front matter, and no links into the page.

    Drive's import would show the first as text, and has no targets for the second.
    """
    body = re.sub(r"\A---\n.*?\n---\n+", "", markdown, count=1, flags=re.DOTALL)
    return re.sub(r"\[((?:[^\[\]\\]|\\.)*)\]\(#[^()\s]*\)", r"\1", body)


def _delivery(file: Json) -> Delivery:
    link = file.get("webViewLink") or f"https://drive.google.com/open?id={file['id']}"
    return Delivery(str(link), str(file["id"]))


def _children(api: Api, parent: str, condition: str = "") -> Iterator[Json]:
    token = ""
    while True:
        request = api.files.list(
            q=f"'{parent}' in parents{condition} and trashed = false",
            fields=f"nextPageToken,files({FIELDS})",
            pageSize=1000,
            pageToken=token or None,
        )
        page = api.run(request, "look into the folder in Drive")
        yield from page.get("files") or ()
        token = page.get("nextPageToken") or ""
        if not token:
            return


def _held(api: Api, folder: str, part: ReportFile) -> Json | None:
    """The file of a part, by its key; by name only where a server keeps no appProperties."""
    for file in _children(api, folder):
        properties = file.get("appProperties")
        if properties and KEY in properties:
            if properties[KEY] == part.key:
                return file
        elif file["name"] == part.name and file["mimeType"] == part.mime_type:
            return file
    return None


def _subfolder(api: Api, parent: str, name: str) -> Json | None:
    folders = _children(api, parent, f" and mimeType = '{FOLDER}'")
    return next((folder for folder in folders if folder["name"] == name), None)


def _make_folder(api: Api, parent: str, name: str) -> Json:
    meta = {"name": name, "mimeType": FOLDER, "parents": [parent]}
    made: Json = api.run(
        api.files.create(body=meta, fields=FIELDS),
        f"make the folder {name} in Drive",
        unless=lambda: _subfolder(api, parent, name),
    )
    return made


def _pdf(api: Api, doc: str) -> bytes:
    request = api.files.export(fileId=doc, mimeType=PDF)
    content: bytes = api.run(request, "export the report as PDF")
    return content
