"""Runs of training that leave snapshots.

A run is a folder. Checkpoints let a killed run go on; its snapshots are the weights as they were
after some steps; ``log.csv`` is written last and says that it is finished: it is not trained again.
"""

from __future__ import annotations

import copy
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from wordweights.encoders import Encoder
from wordweights.encoders.pretrained import quiet_transformers
from wordweights.files import write_atomically

_LOG = "log.csv"
_LOGGED = 200  # losses of a run, at most
_SAVED = 10  # checkpoints of a run, of which the last one is kept


@dataclass(frozen=True)
class Snapshot:
    """An encoder as it was after some steps of training.

    Attributes
    ----------
    step : int
        Updates before it.
    path : Path
        Its weights.
    like : Encoder
        An encoder of the same architecture, tokenizer and pooling.
    """

    step: int
    path: Path
    like: Encoder = field(repr=False)

    @property
    def encoder(self) -> Encoder:
        """Load it: a run has many, and a large one is not kept."""
        from safetensors.torch import load_file

        model = copy.deepcopy(self.like.model)
        model.load_state_dict(load_file(self.path))
        name = f"{self.like.name}, step {self.step}"
        return replace(self.like, name=name, model=model, trained=True, note="", commit=None)


@dataclass(frozen=True)
class Run:
    """A finished run of training.

    Attributes
    ----------
    name : str
        What was trained for.
    snapshots : tuple[Snapshot, ...]
        By rising step, from 0 to the last one.
    log : pd.DataFrame
        Columns step, loss (mean since the row before, nats) and seconds since the start.
    """

    name: str
    snapshots: tuple[Snapshot, ...]
    log: pd.DataFrame = field(repr=False)


def snapshot_steps(total: int, n: int) -> list[int]:
    """Choose at most n steps to look at, 0 and the last among them, which lie closer at first.

    Most of what happens happens early; equal ratios would leave hardly a look at the rest. So the
    steps grow as the third power. The first update is not looked at, for its rate is zero.
    """
    steps = {-(-total * i**3 // (n - 1) ** 3) for i in range(1, n)}  # rounded up
    return [0, *sorted({max(step, min(2, total)) for step in steps})]


def shared_arguments(
    folder: Path, steps: int, batch: int, learning_rate: float, seed: int
) -> dict[str, Any]:
    """Set what all runs have in common, for ``TrainingArguments``."""
    return {
        "output_dir": str(folder / "checkpoints"),
        "max_steps": steps,
        "per_device_train_batch_size": batch,
        "learning_rate": learning_rate,  # its peak; it begins and ends at zero
        "seed": seed,
        "warmup_steps": max(1, steps // 20),
        "lr_scheduler_type": "linear",
        "logging_steps": max(1, steps // _LOGGED),
        "save_steps": max(1, steps // _SAVED),
        "save_total_limit": 1,
        "disable_tqdm": True,  # one bar of our own, which is no output of a chapter
        "report_to": "none",
        "dataloader_pin_memory": False,
    }


def train(
    trainer: Any, weights: Callable[[], dict[str, Any]], n: int, name: str, like: Encoder
) -> Run:
    """Run a trainer to its end, from its last checkpoint where there is one, with n snapshots.

    `weights` are the encoder's at a moment, without what is only trained along with it.
    """
    from transformers.trainer_callback import PrinterCallback

    checkpoints, steps = Path(trainer.args.output_dir), trainer.args.max_steps
    folder = checkpoints.parent
    (folder / "snapshots").mkdir(parents=True, exist_ok=True)
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_recorder(folder / "snapshots", weights, snapshot_steps(steps, n), name))
    with quiet_transformers():
        trainer.train(resume_from_checkpoint=_last_checkpoint(checkpoints))
    # a run that was killed after its last checkpoint takes one more step, of rate zero
    rows = [row for row in trainer.state.log_history if "loss" in row and row["step"] <= steps]
    log = pd.DataFrame(rows, columns=["step", "loss", "seconds"])
    write_atomically(folder / _LOG, log.to_csv(index=False).encode())
    shutil.rmtree(checkpoints, ignore_errors=True)
    return _read(folder, name, like)


def finished(folder: Path, name: str, like: Encoder) -> Run | None:
    """Read a run that was finished before."""
    return _read(folder, name, like) if (folder / _LOG).is_file() else None


def _read(folder: Path, name: str, like: Encoder) -> Run:
    paths = sorted((folder / "snapshots").glob("*.safetensors"))
    snapshots = tuple(Snapshot(int(path.stem), path, like) for path in paths)
    return Run(name, snapshots, pd.read_csv(folder / _LOG))


def _last_checkpoint(folder: Path) -> str | None:
    """Find the last one that is whole: the state of the trainer is written at the end."""
    from transformers.trainer import TRAINER_STATE_NAME

    steps = {int(path.name.rpartition("-")[2]): path for path in folder.glob("checkpoint-*")}
    for _, path in sorted(steps.items(), reverse=True):
        try:
            json.loads((path / TRAINER_STATE_NAME).read_bytes())
        except (OSError, ValueError):
            continue
        return str(path)
    return None


def _recorder(
    folder: Path, weights: Callable[[], dict[str, Any]], steps: list[int], name: str
) -> Any:
    """Make the callback that writes snapshots, times the losses and shows the progress."""
    from safetensors.torch import save
    from tqdm import tqdm
    from transformers import TrainerCallback

    class Recorder(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            before = state.log_history[-1]["seconds"] if state.log_history else 0.0
            self.begun = time.monotonic() - before
            done = state.global_step
            self.bar = tqdm(total=state.max_steps, initial=done, desc=name, unit="step")
            self.look(done)

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.bar.update()
            self.look(state.global_step)

        def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            row = state.log_history[-1]  # which checkpoints hold
            row["seconds"] = round(time.monotonic() - self.begun, 1)
            if "loss" in row:
                self.bar.set_postfix(loss=f"{row['loss']:.3f}")

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.bar.close()

        def look(self, step: int) -> None:
            if step in steps:
                now = {key: value.detach().cpu().contiguous() for key, value in weights().items()}
                write_atomically(folder / f"{step:08}.safetensors", save(now))

    return Recorder()
