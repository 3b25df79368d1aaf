"""Train a family of encoders, measure it on the way, and save it: ``make family``.

Every part is kept in the results folder as soon as it is done, and a part that was broken off goes
on from its last checkpoint. What the package ships is replaced at the very end, all of it or
nothing.
"""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

import click

from family.recipe import RECIPE_FILE, read_recipe
from wordweights.errors import WordweightsError
from wordweights.files import digest, results_folder

SHIPPED = Path(str(resources.files("wordweights").joinpath("data/family")))
"""The folder of the package for checkpoints and tables."""


@click.command()
@click.option(
    "--recipe",
    "path",
    type=click.Path(path_type=Path),
    default=RECIPE_FILE,
    help="Data, sizes and steps; the default is that of the shipped family.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=SHIPPED,
    help="The folder for checkpoints and tables; the default is that of the package.",
)
def main(path: Path, output: Path) -> None:
    """Train a family of encoders, measure it on the way, and save it."""
    recipe = read_recipe(path)
    sources = recipe.sources()
    if output.exists() and any(output.iterdir()) and not (output / "about.json").is_file():
        raise WordweightsError(
            f"{output} holds something else than a family of encoders, and would be replaced as a "
            f"whole: name a new folder, or an empty one."
        )
    folder = results_folder() / "family" / digest(recipe.model_dump())[:16]
    click.echo(
        f"Kept in {folder} until all is done; the same command goes on from there.", err=True
    )
    # torch and its like, whose seconds a mistake need not wait for
    from family.measure import measure_embeddings, measure_family
    from family.seeds import measure_seeds
    from family.ship import ship
    from family.train import train_family

    family = train_family(recipe, sources, folder)
    encoders = {name: run.snapshots[-1].encoder for name, run in family.runs.items()}
    measured = {
        "trajectory": measure_family(family.runs),
        "embeddings": measure_embeddings(encoders),
        "seeds": measure_seeds(recipe, sources, folder),
    }
    ship(recipe, family, measured, output)
    click.echo(f"Wrote {output}")


if __name__ == "__main__":
    try:
        main()
    except WordweightsError as problem:
        sys.exit(f"family: {problem}")
