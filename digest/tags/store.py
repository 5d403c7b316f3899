"""The file that fitted heads are kept in: a zip archive of one JSON member and flat arrays."""

import io
import json
import sys
import zipfile
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from digest.errors import WeightsError

FORMAT = 1
_FACTS = "heads.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same rows give the same bytes


def write(path: Path, facts: Mapping[str, Any], arrays: Mapping[str, "array[Any]"]) -> None:
    """Write facts and arrays; little-endian."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        types = {name: values.typecode for name, values in arrays.items()}
        head = {"format": FORMAT, "arrays": types, **facts}
        members = {_FACTS: json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()}
        for name, values in arrays.items():
            little = array(values.typecode, values)
            if sys.byteorder == "big":
                little.byteswap()
            members[name] = little.tobytes()
        for name, content in members.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            archive.writestr(info, content, zipfile.ZIP_DEFLATED, 9)
    path.write_bytes(buffer.getvalue())


def read(path: Path) -> tuple[dict[str, Any], dict[str, "array[Any]"]]:
    """Facts and arrays. Raises WeightsError."""
    try:
        with zipfile.ZipFile(path) as archive:
            facts = json.loads(archive.read(_FACTS))
            if facts["format"] != FORMAT:
                raise WeightsError(
                    f"{path} has format {facts['format']}, this version reads {FORMAT}; "
                    "fit it again with `digest finetune heads`"
                )
            arrays = {}
            for name, kind in facts["arrays"].items():
                values: array[Any] = array(kind)
                values.frombytes(archive.read(name))
                if sys.byteorder == "big":
                    values.byteswap()
                arrays[name] = values
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{path} holds no heads ({error})") from error
    return facts, arrays
