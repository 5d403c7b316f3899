"""Send an exported model out: to Ollama's library or to a hub, and nothing that was not meant.

ollama:OWNER/NAME    what the Modelfile names, created in the local Ollama and pushed by it
hub:OWNER/NAME       all files of the folder, to the Hugging Face hub or what HF_ENDPOINT names
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from digest.errors import AccessError, ConfigError, EngineError, EngineUnavailable
from digest.model import modelfile
from digest.model.install import create
from finetune.export import privacy

OnMessage = Callable[[str], None]
CARD, MODELFILE = "README.md", "Modelfile"
_KINDS = ("ollama", "hub")


@dataclass(frozen=True, slots=True)
class Parcel:
    """What goes where."""

    kind: str
    name: str
    folder: Path
    files: tuple[str, ...]  # names in the folder

    def size(self) -> int:
        """Bytes of all files."""
        return sum((self.folder / name).stat().st_size for name in self.files)

    def lines(self) -> list[str]:
        """For people: the place, then a line for each file."""
        width = max(map(len, self.files))
        return [f"to {self.kind}:{self.name}, {self.size():,} bytes:"] + [
            f"  {name:<{width}}  {(self.folder / name).stat().st_size:>14,}" for name in self.files
        ]


def pack(folder: Path, target: str) -> Parcel:
    """What would be sent to `target`. Raises ConfigError."""
    kind, _, name = target.partition(":")
    owner, slash, model = name.partition("/")
    if kind not in _KINDS or not (owner and slash and model) or "/" in model:
        raise ConfigError(f"{target!r} is no place; write ollama:OWNER/NAME or hub:OWNER/NAME")
    needed = MODELFILE if kind == "ollama" else CARD
    if not (folder / needed).is_file():
        more = " --run RUN" if needed == CARD else ""
        raise ConfigError(f"{folder} has no {needed}; write it with `digest finetune export{more}`")
    if kind == "ollama":
        made = modelfile.parse((folder / MODELFILE).read_text("utf-8"))
        named = [Path(one) for one in (made.source, made.adapter) if one]
        files = [str(one) for one in named if (folder / one).is_file()]
        return Parcel(kind, name, folder, (MODELFILE, *files))
    inside = (p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    parts = (p.relative_to(folder) for p in inside)
    kept = sorted(str(p) for p in parts if not any(x.startswith(".") for x in p.parts))
    return Parcel(kind, name, folder, tuple(kept))


def inspect(parcel: Parcel, run: Path) -> list[privacy.Leak]:
    """Files of the parcel that repeat what the run was trained on. Raises ConfigError if the
    run's prepared rows are not there.
    """
    texts = {name: privacy.readable(parcel.folder / name) for name in parcel.files}
    try:
        return privacy.leaks(texts, privacy.rows(run / "data"))
    except OSError as error:
        raise ConfigError(
            f"cannot compare with what was trained on ({error}); name the run with --run, or "
            "publish unseen with --with-training-text"
        ) from error


def refuse(found: Sequence[privacy.Leak]) -> None:
    """Raises ConfigError if there are leaks."""
    if not found:
        return
    first = found[0]
    others = f", and {len(found) - 1} more files repeat others" if len(found) > 1 else ""
    raise ConfigError(
        f"{first.file} repeats row {first.row!r} of the training data ({first.words!r}){others}; "
        "take that out, or allow it with --with-training-text"
    )


def send(parcel: Parcel, on_message: OnMessage, *, public: bool = False) -> str:
    """Send it; return the address. Raises EngineUnavailable, EngineError, AccessError."""
    if parcel.kind == "ollama":
        return _push(parcel, on_message)
    return _upload(parcel, on_message, public)


def _push(parcel: Parcel, on_message: OnMessage) -> str:
    import httpx
    import ollama

    made = modelfile.parse((parcel.folder / MODELFILE).read_text("utf-8"))
    create(made, parcel.folder, parcel.name, "", on_message)
    client = ollama.Client()
    status = ""
    try:
        for step in client.push(parcel.name, stream=True):
            status = step.status or ""
            part = f" {step.completed or 0:,} of {step.total:,}" if step.total else ""
            on_message(f"{status}{part}")
    except ollama.ResponseError as error:
        if error.status_code == 401 or "authorized" in error.error:
            raise AccessError(
                f"Ollama may not push {parcel.name} ({error.error}); run `ollama signin` as its "
                "owner"
            ) from error
        raise EngineError(f"Ollama did not push {parcel.name}: {error.error}") from error
    except (ConnectionError, httpx.HTTPError) as error:
        raise EngineUnavailable(f"Ollama broke off ({error}); publish again") from error
    finally:
        client.close()  # type: ignore[no-untyped-call]
    if status != "success":
        raise EngineError(f"Ollama stopped pushing {parcel.name} at {status!r}; publish again")
    return f"https://ollama.com/{parcel.name}"


def _upload(parcel: Parcel, on_message: OnMessage, public: bool) -> str:
    import httpx
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    hub = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), library_name="newsdigest")
    try:
        address = hub.create_repo(parcel.name, private=not public, exist_ok=True)
        on_message(f"uploading to {address}")
        done = hub.upload_folder(
            repo_id=parcel.name,
            folder_path=parcel.folder,
            allow_patterns=list(parcel.files),
            commit_message="Upload a model made with Digest",
        )
    except (LocalTokenNotFoundError, HfHubHTTPError) as error:
        answer = getattr(error, "response", None)
        if answer is None or answer.status_code in (401, 403):
            raise AccessError(
                f"the hub does not let you write to {parcel.name}; set HF_TOKEN to a token that "
                "may write, or run `hf auth login`"
            ) from error
        raise EngineError(f"the hub did not take {parcel.name}: {error}") from error
    except httpx.HTTPError as error:
        raise EngineUnavailable(f"the hub cannot be reached ({error}); publish later") from error
    return str(done)
