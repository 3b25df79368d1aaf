"""How to cite the project: one version and one paper, wherever they stand."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from wordweights.pipeline.parameters import read_yaml

ROOT = Path(__file__).parents[1]


def test_the_citation_agrees_with_the_project_and_the_bibliography() -> None:
    citation = read_yaml((ROOT / "CITATION.cff").read_text("utf-8"), "CITATION.cff")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    title = read_yaml((ROOT / "_config.yml").read_text("utf-8"), "_config.yml")["title"]
    assert citation["version"] == project["version"]
    assert citation["title"] == f"wordweights: {title[0].lower()}{title[1:]}"
    assert citation["license"] in (ROOT / "LICENSE").read_text("utf-8")
    bibliography = (
        (ROOT / "book" / "references.bib").read_text("utf-8").translate(str.maketrans("", "", "{}"))
    )
    for reference in citation["references"]:
        assert reference["title"] in bibliography
        assert reference.get("doi", "") in bibliography
        names = " and ".join(
            f"{author['family-names']}, {author['given-names']}" for author in reference["authors"]
        )
        assert re.search(rf"author *= {re.escape(names)}", bibliography)
