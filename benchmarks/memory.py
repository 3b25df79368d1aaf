"""Measure how the peak memory of a run grows with its number of sentences.

    python benchmarks/memory.py [--few 100] [--many 10000]

Each run is a process of its own: all-MiniLM-L6-v2 over so many different sentences of 3 to 30
words, with the engine's defaults for memory and few passes per sentence, since what a pass takes
does not depend on how many sentences there are. Prints peak resident memory and the difference.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile


def main() -> None:
    """Run both sizes in processes of their own and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--few", type=int, default=100)
    parser.add_argument("--many", type=int, default=10_000)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(peak_of(arguments.one))
        return
    peaks = {}
    print(f"{'sentences':>10} {'peak memory [MB]':>17}")
    for n in (arguments.few, arguments.many):
        with tempfile.TemporaryDirectory() as results:
            output = subprocess.run(
                [sys.executable, __file__, "--one", str(n)],
                env={**os.environ, "WORDWEIGHTS_RESULTS": results},
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        peaks[n] = float(output)
        print(f"{n:10} {peaks[n]:17.0f}", flush=True)
    print(f"{'difference':>10} {peaks[arguments.many] - peaks[arguments.few]:17.0f}")


def peak_of(n: int) -> float:
    """Attribute n sentences here, and give the peak resident memory of this process in MB."""
    import numpy as np

    from wordweights import attribute, load_encoder, load_sentences

    words = sorted(
        {word for text in load_sentences("bundled")["sentence"] for word in text.split()}
    )
    rng = np.random.default_rng(0)
    sentences = [" ".join(rng.choice(words, 3 + i % 28)) for i in range(n)]
    table = attribute(
        load_encoder("all-MiniLM-L6-v2"),
        sentences,
        n_nodes=2,
        quadrature="gauss-legendre",
        probes=1,
        progress=False,
    )
    assert table["sentence_id"].nunique() == n
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == "__main__":
    main()
