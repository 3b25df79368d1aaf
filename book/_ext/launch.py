"""Buttons that open a chapter on Binder and Colab, where the book's repository is known."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

from wordweights.pipeline.repository import known_repository


def setup(app: Sphinx) -> dict[str, bool]:
    """Set the theme's options, and correct what it makes of them: it runs at priority 501."""
    app.connect("config-inited", _offer)
    app.connect("html-page-context", _open_sources, priority=502)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _offer(_: Sphinx, config: Config) -> None:
    if repository := known_repository():
        config.html_theme_options |= {
            "repository_url": f"https://github.com/{repository}",
            "repository_branch": "main",
            "launch_buttons": {
                "notebook_interface": "jupyterlab",
                "binderhub_url": "https://mybinder.org",
                "colab_url": "https://colab.research.google.com",
            },
        }


def _open_sources(
    _: Sphinx, _page: str, _template: str, context: dict[str, Any], _doc: Any
) -> None:
    """Point to the sources on Binder, which has the environment, and else to executed chapters.

    The workflow of the book keeps these in a branch: they say how to install from this repository.
    """
    for group in context.get("header_buttons", []):
        if group.get("label") == "launch-buttons":
            for button in group["buttons"]:
                url = button["url"].replace("/blob/main/chapters/", "/blob/notebooks/")
                button["url"] = url.replace("/chapters/", "/notebooks/")
