"""The workflows: that they can be read, and call what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from wordweights.cli import app
from wordweights.pipeline.claims import CLAIMS_FILE

FOLDER = Path(__file__).parents[2] / ".github" / "workflows"


def workflow(name: str) -> dict[Any, Any]:
    """A workflow as it is parsed."""
    return yaml.safe_load((FOLDER / f"{name}.yml").read_text("utf-8"))


@pytest.mark.parametrize("name", ["book", "paper"])
def test_every_step_runs_a_command_or_an_action(name: str) -> None:
    jobs = workflow(name)["jobs"]
    assert jobs
    for job in jobs.values():
        assert job["runs-on"]
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            assert "@" in step.get("uses", "@")


def test_the_paper_runs_weekly_and_by_hand() -> None:
    # YAML reads the key "on" as true
    (when,) = workflow("paper")[True]["schedule"]
    minute, hour, day, month, weekday = when["cron"].split()
    assert (day, month) == ("*", "*")
    assert all(part.isdecimal() for part in (minute, hour, weekday))
    assert "workflow_dispatch" in workflow("paper")[True]


def test_the_paper_keeps_weights_results_and_tables() -> None:
    (job,) = workflow("paper")["jobs"].values()
    steps = job["steps"]
    uses = [(step.get("uses", "").split("@")[0], step.get("with", {})) for step in steps]
    kept = {options["path"] for action, options in uses if action.startswith("actions/cache")}
    assert kept == {Path(job["env"]["HF_HOME"]).name, "results"}
    uploaded = [o["path"] for action, o in uses if action == "actions/upload-artifact"]
    assert uploaded[0] == "book/_build/html"
    assert CLAIMS_FILE.match(uploaded[1])
    commands = " ".join(step.get("run", "") for step in steps)
    assert "make paper" in commands
    assert CLAIMS_FILE.name in commands


def test_the_paper_calls_a_command_that_there_is() -> None:
    (job,) = workflow("paper")["jobs"].values()
    assert "wordweights claims --against" in " ".join(s.get("run", "") for s in job["steps"])
    assert "--against" in CliRunner().invoke(app, ["claims", "--help"]).output
