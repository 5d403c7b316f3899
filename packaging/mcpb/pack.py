"""Pack dist/digest.mcpb: a zip of the manifest, a pyproject.toml and a starter.

The host's `uv` installs Digest itself from the package index when the bundle is first started.
"""

import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
FILES = ("manifest.json", "pyproject.toml", "main.py")


def pack(target: Path) -> Path:
    """Write the bundle; the same files give the same bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name in FILES:
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            bundle.writestr(entry, (HERE / name).read_bytes(), zipfile.ZIP_DEFLATED)
    return target


if __name__ == "__main__":
    sys.stdout.write(f"{pack(HERE.parents[1] / 'dist' / 'digest.mcpb')}\n")
