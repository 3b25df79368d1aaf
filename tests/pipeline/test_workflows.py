"""The workflows: that they can be read, and call what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wordweights.cli import app
from wordweights.pipeline import load_profile
from wordweights.pipeline.parameters import read_yaml
from wordweights.pipeline.profiles import chapter_values
from wordweights.pipeline.running import CLAIMS_FILE

ROOT = Path(__file__).parents[2]


def workflow(name: str) -> dict[str, Any]:
    """A workflow as it is parsed."""
    text = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text("utf-8")
    return read_yaml(text, name)


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
    (when,) = workflow("paper")["on"]["schedule"]
    minute, hour, day, month, weekday = when["cron"].split()
    assert (day, month) == ("*", "*")
    assert all(part.isdecimal() for part in (minute, hour, weekday))
    assert "workflow_dispatch" in workflow("paper")["on"]


def test_the_paper_keeps_weights_results_and_tables() -> None:
    (job,) = workflow("paper")["jobs"].values()
    uses = [(step.get("uses", "").split("@")[0], step.get("with", {})) for step in job["steps"]]
    kept = {options["path"] for action, options in uses if action.startswith("actions/cache")}
    assert kept == {Path(job["env"]["HF_HOME"]).name, "results"}
    uploaded = [o["path"] for action, o in uses if action == "actions/upload-artifact"]
    assert uploaded[0] == "book/_build/html"
    assert CLAIMS_FILE.match(uploaded[1])


def test_the_paper_calls_a_command_with_parameters_that_there_are() -> None:
    (job,) = workflow("paper")["jobs"].values()
    commands = " ".join(step.get("run", "") for step in job["steps"])
    assert CLAIMS_FILE.name in commands
    assert "wordweights claims --against" in commands
    assert "--against" in CliRunner().invoke(app, ["claims", "--help"]).output
    (options,) = re.findall(r'make paper PAPER="(.*?)"', commands)
    group = app.make_context("wordweights", ["run"])
    given = app.commands["run"].make_context("run", shlex.split(options), parent=group).params
    chapter_values(ROOT, load_profile(ROOT, "paper"), dict(given["parameters"]))
