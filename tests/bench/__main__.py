"""`make bench`: the figures of the main job on one all-in-one server, and of many runs, as a table."""

import sys
import tempfile
from itertools import chain
from pathlib import Path

from tests.bench import main_job, many_runs
from tests.bench.figures import Figure, draw


def main() -> None:
    """Measure everything and print the table; progress goes to standard error."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="tidemill-bench-") as directory:
        for figure in chain(main_job.measure(Path(directory)), many_runs.measure(Path(directory))):
            print(f"measured: {figure.what}: {figure.ours}", file=sys.stderr)
            figures.append(figure)
    print(draw(figures))


if __name__ == "__main__":
    main()
