"""One model trained by several processes: each holds all of it and does a share of every step.

`accelerate launch` or `torchrun` starts the processes and tells each its place. All of them make
the same plan from the same rows; the gradients of a step are summed over the processes before its
update, so a step is what one process would make of it. The first process alone writes and
examines; what it decides is broadcast to the others. Without a launcher there is one process, and
nothing here does anything.
"""

import atexit
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from finetune.data import encoding

if TYPE_CHECKING:
    import torch

T = TypeVar("T")

_PATIENCE = timedelta(hours=2)  # for the first process to prepare rows, or to examine


@dataclass(frozen=True)
class World:
    """The processes of a run, as one of them sees them."""

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    @property
    def leads(self) -> bool:
        """Whether this is the first process."""
        return self.rank == 0

    @contextmanager
    def first(self) -> Iterator[None]:
        """Let the first process be done with what is inside before the others begin it."""
        if not self.leads:
            self.wait()
        yield
        if self.leads:
            self.wait()

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            import torch

            torch.distributed.barrier()

    def broadcast(self, make: Callable[[], T]) -> T:
        """What the first process makes; it is made there alone."""
        if self.size == 1:
            return make()
        from torch import distributed

        made = [make() if self.leads else None]
        distributed.broadcast_object_list(made, device=self._torch_device())
        return made[0]  # type: ignore[return-value]

    def any(self, here: bool) -> bool:
        """Whether it is so in any process."""
        return bool(self.sum([], float(here))) if self.size > 1 else here

    def share(
        self, micros: Sequence[Sequence[encoding.Example]], micro_tokens: int
    ) -> Sequence[Sequence[encoding.Example]]:
        """The part of a step that falls to this process: every `size`-th example by length."""
        if self.size == 1:
            return micros
        examples = sorted((e for micro in micros for e in micro), key=len, reverse=True)
        mine = examples[self.rank :: self.size]
        return encoding.bucketed(mine, micro_tokens) if mine else []

    def sum(self, tensors: Sequence["torch.Tensor"], value: float) -> float:
        """Add up tensors over all processes, in place, and a number with them."""
        if self.size == 1:
            return value
        import torch

        device = self._torch_device()
        parts = [tensor.reshape(-1).to(device) for tensor in tensors]
        flat = torch.cat([*parts, torch.tensor([value], device=device)])
        torch.distributed.all_reduce(flat)
        place = 0
        for tensor in tensors:
            tensor.copy_(flat[place : place + tensor.numel()].view_as(tensor))
            place += tensor.numel()
        return float(flat[-1])

    @contextmanager
    def dice(self) -> Iterator[None]:
        """Random numbers of this process's own, drawn from those that all have in common: what
        the first process saves is enough for all to go on with.
        """
        if self.size == 1:
            yield
            return
        import torch

        seed = int(torch.randint(2**31, (1,)))
        devices = [self._torch_device()] if self.device.startswith("cuda") else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed + self.rank)
            yield

    def end(self) -> None:
        """End this process with code 0, once all processes are here; of one alone, do nothing.

        Not by way of the interpreter's own end: threads of torch's process group and of its
        autograd engine may still give a tensor back to Python then, meet an interpreter that is
        being taken down, and abort ("terminate called without an active exception", exit -6).
        """
        if self.size == 1:
            return
        from torch import distributed

        self.wait()
        distributed.destroy_process_group()
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(0)

    def _torch_device(self) -> "torch.device":
        import torch

        return torch.device(self.device)


@cache
def world() -> World:
    """The processes that this one was started with; they are connected on the first call."""
    import torch

    gpu = torch.cuda.is_available()
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return World(device="cuda" if gpu else "cpu")
    from accelerate import PartialState

    state = PartialState(cpu=not gpu, timeout=_PATIENCE)
    atexit.register(state.destroy_process_group)
    return World(state.process_index, state.num_processes, str(state.device))
