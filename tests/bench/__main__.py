"""`make bench`: the figures of the main job on one all-in-one server, of many runs, and of the run language, as a table."""

import sys
import tempfile
from itertools import chain
from pathlib import Path

from tests.bench import language, main_job, many_runs
from tests.bench.figures import Figure, draw


def main() -> None:
    """Measure everything and print the table; progress goes to standard error."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="tidemill-bench-") as directory:
        parts = (part.measure(Path(directory)) for part in (main_job, many_runs, language))
        for figure in chain.from_iterable(parts):
            print(f"measured: {figure.what}: {figure.ours}", file=sys.stderr)
            figures.append(figure)
    print(draw(figures))


if __name__ == "__main__":
    main()
