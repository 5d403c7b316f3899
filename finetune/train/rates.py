"""The learning rate to start from."""

import json
from pathlib import Path

# The Tinker cookbook (tinker-docs.thinkingmachines.ai/supervised-learning/sl-hyperparams and its
# hyperparam_utils.py): LR = lr_base * M_LoRA * (2000 / H)^P, where lr_base is 5e-5, M_LoRA, what
# LoRA takes over full fine-tuning, is 10, H is the hidden size, and P is 0.781 for Llama and 0.0775
# for Qwen. They say: under 0.5 % of regret against sweeps. They fitted it on larger models than
# ours, with AdamW and alpha 32: here it is where a search begins, not where it ends.
_FULL = 5e-5
_LORA = 10
_SIZE = 2000
_EXPONENTS = {"llama": 0.781, "qwen": 0.0775}


def recommended(hidden: int, family: str) -> float | None:
    """The learning rate for LoRA on a model by its hidden size and `model_type`, by the rule of
    the Tinker cookbook; None for a family that it does not know.
    """
    for name, exponent in _EXPONENTS.items():
        if family.lower().startswith(name):
            return float(_FULL * _LORA * (_SIZE / hidden) ** exponent)
    return None


def for_base(folder: Path) -> float | None:
    """The same for a folder of weights, by its config.json."""
    shape = json.loads((folder / "config.json").read_text("utf-8"))
    try:
        return recommended(int(shape["hidden_size"]), str(shape["model_type"]))
    except KeyError:
        return None
