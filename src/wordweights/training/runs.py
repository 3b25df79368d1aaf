"""Training runs that leave snapshots: what they wrote, and the part that both kinds share.

A run is a folder. Its checkpoints let a killed run go on; its snapshots are the weights as they
were after some steps; ``log.csv`` holds loss and time. What is finished is never trained again.
"""

from __future__ import annotations

import copy
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from transformers import TrainerCallback
from transformers.trainer import TRAINER_STATE_NAME

from wordweights.encoders import Encoder
from wordweights.encoders.loading import quiet_transformers
from wordweights.files import write_atomically

if TYPE_CHECKING:
    import torch
    from transformers import TrainerControl, TrainerState, TrainingArguments

_LOG = "log.csv"
_DONE = "done"
_CHECKPOINTS = "checkpoints"
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
        return Encoder(name, self.like.pooling, self.like.tokenizer, model, base=self.like.base)


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
    """Choose the steps to look at: 0, and others up to the last one, which lie closer at first.

    Most of what happens happens early; equal ratios would leave hardly a look at the rest. So the
    steps grow as the third power. The first update is not looked at, for its rate is zero.

    Parameters
    ----------
    total : int
        Steps of the run.
    n : int
        Snapshots, at least 2; fewer where a run is short.

    Returns
    -------
    list[int]
        Rising; 0 and `total` are among them.
    """
    steps = {-(-total * i**3 // (n - 1) ** 3) for i in range(1, n)}  # rounded up
    return [0, *sorted({max(step, min(2, total)) for step in steps})]


def shared_arguments(folder: Path, steps: int, seed: int) -> dict[str, Any]:
    """Set what all runs have in common, for ``TrainingArguments``.

    Parameters
    ----------
    folder : Path
        Of the run.
    steps : int
        Updates.
    seed : int
        Of everything that is random.

    Returns
    -------
    dict[str, Any]
        By name.
    """
    return {
        "output_dir": str(folder / _CHECKPOINTS),
        "max_steps": steps,
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


def train(trainer: Any, recorder: Recorder, like: Encoder) -> Run:
    """Run a trainer to its end, from its last checkpoint where there is one.

    Parameters
    ----------
    trainer : Any
        A ``Trainer`` of transformers, or of sentence-transformers.
    recorder : Recorder
        Of its snapshots.
    like : Encoder
        Of the architecture, tokenizer and pooling that its snapshots have.

    Returns
    -------
    Run
        As :func:`finished` reads it from now on.
    """
    from transformers.trainer_callback import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(recorder)
    folder = Path(trainer.args.output_dir)
    with quiet_transformers():
        trainer.train(resume_from_checkpoint=_last_checkpoint(folder))
    write_atomically(recorder.folder / _DONE, b"")
    shutil.rmtree(folder, ignore_errors=True)
    return _read(recorder.folder, recorder.name, like)


def _last_checkpoint(folder: Path) -> str | None:
    """Find the last one that is whole: the state of the trainer is written at the end."""

    def whole(checkpoint: Path) -> bool:
        try:
            json.loads((checkpoint / TRAINER_STATE_NAME).read_bytes())
        except (OSError, ValueError):
            return False
        return True

    found = [path for path in folder.glob("checkpoint-*") if whole(path)]
    last = max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
    return None if last is None else str(last)


def finished(folder: Path, name: str, like: Encoder) -> Run | None:
    """Read a run that was finished before.

    Parameters
    ----------
    folder : Path
        Of the run.
    name : str
        What was trained for.
    like : Encoder
        Of the architecture, tokenizer and pooling that its snapshots have.

    Returns
    -------
    Run | None
        None when it was never finished.
    """
    return _read(folder, name, like) if (folder / _DONE).is_file() else None


def _read(folder: Path, name: str, like: Encoder) -> Run:
    paths = sorted((folder / "snapshots").glob("*.safetensors"))
    snapshots = tuple(Snapshot(int(path.stem), path, like) for path in paths)
    return Run(name, snapshots, pd.read_csv(folder / _LOG))


class Recorder(TrainerCallback):
    """Writes snapshots, loss and time of a run, and shows its progress.

    Parameters
    ----------
    folder : Path
        Of the run.
    weights : Callable[[], dict[str, torch.Tensor]]
        The encoder's weights at this moment, without what is only trained along.
    steps : list[int]
        At which to write them.
    name : str
        What is trained for.
    """

    def __init__(
        self,
        folder: Path,
        weights: Callable[[], dict[str, torch.Tensor]],
        steps: list[int],
        name: str,
    ) -> None:
        self.folder, self.name = folder, name
        self._weights, self._steps = weights, set(steps)
        self._rows: list[tuple[int, float, float]] = []
        self._begun = 0.0
        self._bar: Any = None

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Take up the log where the checkpoint was written."""
        from tqdm import tqdm

        path = self.folder / _LOG
        if state.global_step and path.is_file():
            rows = pd.read_csv(path)
            kept = rows[rows["step"] <= state.global_step]
            self._rows = list(kept.itertuples(index=False, name=None))
        before = self._rows[-1][2] if self._rows else 0.0
        self._begun = time.monotonic() - before
        self._bar = tqdm(
            total=state.max_steps, initial=state.global_step, desc=self.name, unit="step"
        )
        self._write(state.global_step)

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Write a snapshot when it is time."""
        self._bar.update()
        self._write(state.global_step)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Keep a loss."""
        if logs and "loss" in logs:
            seconds = round(time.monotonic() - self._begun, 1)
            self._rows.append((state.global_step, float(logs["loss"]), seconds))
            self._bar.set_postfix(loss=f"{logs['loss']:.3f}")
            table = pd.DataFrame(self._rows, columns=["step", "loss", "seconds"])
            write_atomically(self.folder / _LOG, table.to_csv(index=False).encode())

    def on_train_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Close the bar."""
        self._bar.close()

    def _write(self, step: int) -> None:
        if step not in self._steps:
            return
        from safetensors.torch import save

        tensors = {
            name: value.detach().cpu().contiguous() for name, value in self._weights().items()
        }
        path = self.folder / "snapshots" / f"{step:08}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, save(tensors))
