"""`make bench`: the figures of the main job on one all-in-one server, as a table."""

import sys
import tempfile
from pathlib import Path

from tests.bench.figures import Figure, draw
from tests.bench.main_job import measure


def main() -> None:
    """Measure everything and print the table; progress goes to standard error."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="tidemill-bench-") as directory:
        for figure in measure(Path(directory)):
            print(f"measured: {figure.what}: {figure.ours}", file=sys.stderr)
            figures.append(figure)
    print(draw(figures))


if __name__ == "__main__":
    main()
