"""What tasks of `tidemill exec` have kept for people: artifacts, and what test reports say."""

from tests.cli.exec.trees import Tree, exec_, one_task

KEEPING = one_task("run: mkdir dist; echo hello > dist/a.txt", "artifacts: {paths: [dist/**]}")


def test_artifacts_are_listed_and_dropped(tree: Tree) -> None:
    """The summary says how to keep them."""
    done = exec_(tree(KEEPING))
    assert done.returncode == 0, done.stderr
    assert "artifacts (1 file, 6 B), not kept; give --artifacts-dir DIR to keep them:" in done.stdout
    assert "  a/dist/a.txt  6 B" in done.stdout


def test_artifacts_are_kept_where_it_is_said(tree: Tree) -> None:
    """Below the names of run and task, over what was there."""
    place = tree(KEEPING)
    for _ in range(2):
        done = exec_(place, "--artifacts-dir", "kept")
        assert done.returncode == 0, done.stderr
        assert (place / "kept" / "r" / "a" / "dist" / "a.txt").read_text() == "hello\n"
    assert "artifacts (1 file, 6 B) in kept/r:" in done.stdout


def test_failed_tests_are_in_the_summary(tree: Tree) -> None:
    """Whatever else failed."""
    report = '<testsuite><testcase classname="c" name="bad"><failure>why</failure></testcase></testsuite>'
    steps = ("run: cp in.xml out.xml; exit 1",)
    config = one_task(*steps, "{reports: {junit: [out.xml]}, always: true}")
    done = exec_(tree(config.replace("steps:\n", "steps:\n          - clone: {}\n"), **{"in.xml": report}))
    assert done.returncode == 1
    assert "a: 1 tests, 1 failed, 0 skipped" in done.stdout
    assert "a: c: bad\n  why" in done.stdout
