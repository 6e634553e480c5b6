"""`make bench`: the figures of the main job, of the engine, of many runs, of the run language and of the API as a table,
and those of Buildbot on the same work beside them.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.bench import api, engine, language, main_job, many_runs
from tests.bench.buildbot import figures as buildbot
from tests.bench.compared import compared
from tests.bench.figures import Figure, draw

PARTS = {
    "main": main_job.measure,
    "engine": engine.measure,
    "many": many_runs.measure,
    "language": language.measure,
    "api": api.measure,
}


def main() -> None:
    """Measure everything, or the parts that are named, and print the tables; progress goes to standard error."""
    names = [*PARTS, "buildbot"]
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(names)}; all unless named")
    wanted = parser.parse_args().parts or names
    if unknown := set(wanted).difference(names):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    figures: list[Figure] = []
    theirs: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="tidemill-bench-") as directory:
        for name in wanted:
            measure = PARTS.get(name, buildbot.measure)
            for figure in measure(Path(directory)):
                print(f"measured: {figure.what}: {figure.ours}", file=sys.stderr)
                if name == "buildbot":
                    theirs |= figure.numbers
                else:
                    figures.append(figure)
    ours = {key: number for figure in figures for key, number in figure.numbers.items()}
    if figures:
        print(draw(figures))
    if ours and theirs:
        print(f"\n{compared(ours, theirs, 'Buildbot 4.3')}")


if __name__ == "__main__":
    main()
