"""The import graph of the house, read from its source, and the picture of it in architecture.md.

Every import counts, also one inside a function; so does a module that is named in a string and
imported by it later (the tables of `cli.main` and `integrations`). Nothing is imported here.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("cli", "server", "integrations", "finetune", "digest")

Graph = dict[str, set[str]]  # a module or room, and those that it imports


def modules() -> dict[str, Path]:
    """The files by their dotted names."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def graph() -> Graph:
    """Which module imports which."""
    known = modules()
    return {
        name: {one for one in _imported(ast.parse(path.read_text("utf-8")), known) if one != name}
        for name, path in known.items()
    }


def _imported(tree: ast.Module, known: dict[str, Path]) -> Iterator[str]:
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in known else node.module for name in below]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            named = node.value.partition(":")[0]  # "module:class"
            names = [named] if "." in named and known.get(named, Path()).stem != "__init__" else []
        yield from (name for name in names if name in known)


def circles(edges: Graph) -> list[list[str]]:
    """The groups of modules that reach each other, each sorted (Tarjan's algorithm)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(edges[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in sorted(edges):
        if name not in index:
            visit(name)
    return found


def room(module: str) -> str:
    """The folder of a module, at most two deep; a package's own files are the room's name."""
    parts = ROOT.joinpath(*module.split("."))
    folder = module if parts.is_dir() else module.rpartition(".")[0]
    return ".".join(folder.split(".")[:2])


def rooms(edges: Graph) -> Graph:
    """The same graph by folder."""
    found: Graph = {room(name): set() for name in edges}
    for name, others in edges.items():
        found[room(name)] |= {room(other) for other in others} - {room(name)}
    return found


# --- what the page shows ------------------------------------------------------------------------


def packages_picture() -> str:
    """The packages and their arrows, as mermaid text."""
    pairs = {
        (name.split(".")[0], other.split(".")[0])
        for name, others in graph().items()
        for other in others
    }
    lines = [f"    {start} --> {end}" for start, end in sorted(pairs) if start != end]
    return _mermaid("TD", lines)


def rooms_picture(package: str) -> str:
    """The rooms of one package and the arrows between them, as mermaid text."""
    lines = []
    for name, others in sorted(rooms(graph()).items()):
        inside = sorted(other for other in others if other.split(".")[0] == package)
        if name.split(".")[0] == package and name != package:
            lines.append(f"    {_short(name)}")
            lines += [f"    {_short(name)} --> {_short(o)}" for o in inside if o != package]
    return _mermaid("LR", lines)


def rooms_table(package: str) -> str:
    """What each room of a package says of itself, in the first sentence of its docstring."""
    lines = ["| room | duty |", "|---|---|"]
    known = modules()
    for name in sorted({room(module) for module in known}):
        if name.startswith(f"{package}."):
            said = ast.get_docstring(ast.parse(known[name].read_text("utf-8"))) or ""
            duty = " ".join(said.split("\n\n")[0].split())
            lines.append(f"| `{name.replace('.', '/')}` | {duty} |")
    return "\n".join([*lines, ""])


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _mermaid(direction: str, lines: list[str]) -> str:
    return "\n".join(["```mermaid", f"flowchart {direction}", *lines, "```", ""])
