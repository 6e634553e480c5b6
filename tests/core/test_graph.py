"""Order, levels, cycles and redundant edges of a graph (reference 11.5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.core.graph import cycles, descendants, in_order, levels, redundant_edges


def graph(text: str) -> dict[str, list[str]]:
    """`b:a c:a,b` - b depends on a, c on a and b."""
    pairs = [word.partition(":") for word in text.split()]
    return {name: of.split(",") if of else [] for name, _, of in pairs}


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ("a", {"a": 0}),
        ("a b", {"a": 0, "b": 0}),
        ("a b:a", {"a": 0, "b": 1}),
        ("c:b,a b:a a", {"a": 0, "b": 1, "c": 2}),
        ("a:b,c b:d c:e d e", {"a": 2, "b": 1, "c": 1, "d": 0, "e": 0}),
    ],
)
def test_levels(edges: str, expected: dict[str, int]) -> None:
    """One more than the highest of what a task depends on."""
    assert levels(graph(edges)) == expected


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ("a b:a", []),
        ("a:a", [("a", "a")]),
        ("a:b b:a", [("a", "b"), ("b", "a")]),
        ("1:2 2:3 3:1", [("1", "2"), ("2", "3"), ("3", "1")]),
        ("a:b b:c c:b", [("b", "c"), ("c", "b")]),
        ("a:b b:a c:d d:c e:a", [("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")]),
    ],
)
def test_cycles_name_their_members_only(edges: str, expected: list[tuple[str, str]]) -> None:
    """Each with the member that it depends on; what merely leads into a cycle is not on it."""
    assert sorted(cycles(graph(edges))) == expected


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ("a b:a c:b", []),
        ("1 2:1 3:2,1", [("3", "2", "1")]),
        ("1 2:1 3:2 4:3,1", [("4", "3", "1")]),
        ("4:1,3 3:2 2:1 1", [("4", "3", "1")]),
    ],
)
def test_redundant_edges(edges: str, expected: list[tuple[str, str, str]]) -> None:
    """An edge to what a parent depends on already, directly or not."""
    assert redundant_edges(graph(edges)) == expected


def test_descendants_include_the_roots() -> None:
    """All that depends on them, directly or not."""
    assert descendants(graph("a b:a c:b d"), ["a"]) == {"a", "b", "c"}


def test_hostile_graphs_take_no_time() -> None:
    """A chain and a fan of thousands of tasks neither exhaust the stack nor the clock."""
    size = 5000
    chain = {str(n): [str(n - 1)] if n else [] for n in range(size)}
    ring = {**chain, "0": [str(size - 1)]}
    assert len(cycles(ring)) == size
    assert redundant_edges(chain) == []
    assert levels(chain)[str(size - 1)] == size - 1


@given(st.lists(st.sets(st.integers(0, 11)), min_size=1, max_size=12))
def test_the_order_puts_parents_first(edges: list[set[int]]) -> None:
    """For any acyclic graph every name comes once, after all it depends on."""
    parents = {str(n): [str(p) for p in of if p < n] for n, of in enumerate(edges)}
    order = in_order(parents)
    assert sorted(order) == sorted(parents)
    for name, of in parents.items():
        assert all(order.index(parent) < order.index(name) for parent in of)
