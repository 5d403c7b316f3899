"""Two real processes that train one model, over gloo, started as a user starts them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.schema import Row
from finetune.data.encoding import Example, bucketed
from finetune.export.adapters import Adapter
from finetune.train.distributed import World

from ..conftest import row

pytest.importorskip("accelerate")

SETTINGS = [
    "train.epochs=2", "train.batch=5", "train.lr=1e-2", "train.dtype=float32", "train.threads=1",
    "train.validate_every=2", "train.examine_every=1", "train.patience=0", "lora.rank=4",
    "train.checkpoint_minutes=0", "train.keep=9", "train.micro_tokens=1024",
    "data.split.validation=0.2", "data.twice_below_tokens=1",
]  # fmt: skip


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows with short answers: a byte is a token here."""
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    label = {"names": ["Acme"], "relevance_score": 4}
    rows: list[Row] = [row(number, digest=label) for number in range(15)]
    path.write_text("".join(one.model_dump_json(exclude_none=True) + "\n" for one in rows))
    return path


def _train(processes: int, base: Path, rows: Path, out: Path, *more: str) -> list[str]:
    """Run `digest finetune train`; its standard output."""
    verb = ["-m", "cli", "finetune", "train", *more, *SETTINGS]
    launcher = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes",
                str(processes), "--num_machines", "1", "--mixed_precision", "no",
                "--dynamo_backend", "no", "--main_process_port", "0"]  # fmt: skip
    done = subprocess.run(
        [sys.executable, *(launcher if processes > 1 else []), *verb,
         f"base={base}", f"data.rows={rows}", f"out={out}"],
        check=False, capture_output=True, text=True, timeout=300, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


def _steps(out: Path) -> list[dict[str, object]]:
    lines = map(json.loads, (out / "log.jsonl").read_text().splitlines())
    return [line for line in lines if "step" in line]


def test_two_processes_make_what_one_makes(base: Path, brief: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    _train(1, base, brief, one)
    said = _train(2, base, brief, two)
    assert said == [f"adapter: {two / 'adapter'}"]  # said once
    alone, together = _steps(one), _steps(two)
    assert len(together) == len(alone) == 6  # the log is written by one
    for left, right in zip(alone, together, strict=True):
        assert right["tokens"] == left["tokens"]  # of the whole step
        for name in {"loss", "norm", "lr", "validation"} & set(left):
            assert right[name] == pytest.approx(left[name], rel=1e-3), name
    last = Path("checkpoints") / "step-000006"
    ours, theirs = (Adapter.load(out / last) for out in (one, two))
    for name, tensor in ours.tensors.items():
        assert abs(tensor - theirs.tensors[name]).max() < 1e-3 * max(1e-2, abs(tensor).max())

    # Killed after its third step, as it were: what came later is taken away.
    halted = tmp_path / "halted"
    shutil.copytree(two, halted)
    for step in (4, 5, 6):
        shutil.rmtree(halted / "checkpoints" / f"step-{step:06d}")
    shutil.rmtree(halted / "adapter")
    assert _train(2, base, brief, halted, "--resume") == [f"adapter: {halted / 'adapter'}"]
    timed = {"elapsed", "tokens_s"}
    curves = [
        [{k: v for k, v in step.items() if k not in timed} for step in _steps(out)]
        for out in (two, halted)
    ]
    assert curves[0] == curves[1]
    weights = "adapter_model.safetensors"
    assert (two / last / weights).read_bytes() == (halted / last / weights).read_bytes()


def test_dice_differ_between_processes_and_go_on_alike() -> None:
    import torch

    def thrown(rank: int) -> tuple[list[float], list[float]]:
        torch.manual_seed(5)
        with World(rank, 2).dice():
            own = torch.rand(4).tolist()
        return own, torch.rand(4).tolist()

    first, second, again = thrown(0), thrown(1), thrown(1)
    assert first[0] != second[0] and second == again
    assert first[1] == second[1]  # what all have in common goes on as if nothing had been drawn


@given(st.lists(st.integers(2, 300), min_size=1, max_size=30), st.integers(1, 5))
def test_shares_of_a_step_are_the_step(lengths: list[int], size: int) -> None:
    examples = [
        Example(str(n), ("title",), (0,) * (length - 1), (1,), 0)
        for n, length in enumerate(lengths)
    ]
    micros = bucketed(examples, 512)
    shares = [World(rank, size).share(micros, 512) for rank in range(size)]
    told = [e.id for share in shares for micro in share for e in micro]
    assert sorted(told) == sorted(e.id for e in examples)
    counts = [sum(map(len, share)) for share in shares]
    assert max(counts) - min(counts) <= 1
