"""Make a model known to Ollama, through the official client: what `ollama create` does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from digest.errors import ConfigError, EngineError, EngineUnavailable
from digest.model.identity import identify
from digest.model.modelfile import Modelfile

_NUMBERS = {"num_ctx": int, "num_predict": int, "temperature": float, "repeat_penalty": float}


def guard(name: str, host: str) -> None:
    """See that no model of the user's own stands under `name`. Raises ConfigError if one does,
    EngineUnavailable if the server cannot be asked.
    """
    import httpx
    import ollama

    client = ollama.Client(host or None)
    try:
        reply = client._client.post("/api/show", json={"model": name})
        if reply.status_code == httpx.codes.NOT_FOUND:
            return
        told = reply.raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise _unavailable(name, error) from error
    finally:
        client.close()  # type: ignore[no-untyped-call]
    if not identify(told).ours:
        raise ConfigError(
            f"Ollama has a model {name!r} that Digest did not make; give another --name, or "
            "replace it with --force"
        )


def _unavailable(name: str, error: Exception) -> EngineUnavailable:
    return EngineUnavailable(
        f"Ollama cannot be used to create {name} ({error}); start it with `ollama serve`"
    )


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
            license=modelfile.license or None,
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
        raise _unavailable(name, error) from error
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
