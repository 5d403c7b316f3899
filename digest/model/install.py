"""Make a model known to Ollama, through the official client: what `ollama create` does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from digest.errors import EngineError, EngineUnavailable
from digest.model.modelfile import Modelfile

_NUMBERS = {"num_ctx": int, "num_predict": int, "temperature": float, "repeat_penalty": float}


def create(
    modelfile: Modelfile, folder: Path, name: str, host: str, told: Callable[[str], None]
) -> None:
    """Create the model `name` on the server at `host` ("" = the client's own default).

    Files that the Modelfile names, relative to `folder`, are uploaded; what is no file is the
    name of a model that the server has, or fetches. `told` hears how far the server is. Raises
    EngineUnavailable if there is no server, EngineError if it refuses.
    """
    import httpx
    import ollama

    client = ollama.Client(host or None)
    try:
        weights = _uploaded(client, folder, modelfile.source, told)
        adapters = _uploaded(client, folder, modelfile.adapter, told) if modelfile.adapter else None
        steps = client.create(
            name,
            from_=None if weights else modelfile.source,
            files=weights,
            adapters=adapters,
            template=modelfile.template or None,
            system=modelfile.system or None,
            parameters=_typed(modelfile.parameters) or None,
            stream=True,
        )
        status = ""
        for step in steps:
            status = step.status or ""
            told(status)
        if status != "success":
            raise EngineError(f"Ollama stopped creating {name} at {status!r}; try it again")
    except ollama.ResponseError as error:
        raise EngineError(f"Ollama did not create {name}: {error.error}") from error
    except (ConnectionError, httpx.HTTPError) as error:
        raise EngineUnavailable(
            f"Ollama cannot be used to create {name} ({error}); start it with `ollama serve`"
        ) from error
    finally:
        client.close()  # type: ignore[no-untyped-call]


def _uploaded(
    client: Any, folder: Path, named: str, told: Callable[[str], None]
) -> dict[str, str] | None:
    """The file of this name in Ollama's store, as the API wants it; None if it is no file."""
    path = folder / Path(named).expanduser()
    if not path.is_file():
        if named.endswith(".gguf") or named.startswith((".", "/", "~")):
            raise EngineError(f"the Modelfile names {named}, and there is no file {path}")
        return None
    told(f"uploading {path.name}")
    return {path.name: client.create_blob(path)}


def _typed(parameters: dict[str, str | list[str]]) -> dict[str, Any]:
    """Numbers as numbers: the API does not read them from strings."""
    return {
        name: _NUMBERS[name](value) if isinstance(value, str) and name in _NUMBERS else value
        for name, value in parameters.items()
    }
