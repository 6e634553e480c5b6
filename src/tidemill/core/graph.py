"""The graph of a run's tasks: an order to visit it in, levels, cycles, and edges that say nothing new."""

from collections.abc import Collection, Mapping

Parents = Mapping[str, Collection[str]]
"""The names that each name depends on; every one of them is a key itself."""


def in_order(parents: Parents) -> list[str]:
    """The names, each after all it depends on; those on or behind a cycle are left out."""
    waiting_for = {name: len(set(of)) for name, of in parents.items()}
    children = _children(parents)
    order = [name for name, count in waiting_for.items() if count == 0]
    for name in order:  # grows while it is walked
        for child in children[name]:
            waiting_for[child] -= 1
            if waiting_for[child] == 0:
                order.append(child)
    return order


def levels(parents: Parents) -> dict[str, int]:
    """0 without dependencies, else one more than the highest of them."""
    found: dict[str, int] = {}
    for name in in_order(parents):
        found[name] = 1 + max((found[parent] for parent in parents[name]), default=-1)
    return found


def descendants(parents: Parents, roots: Collection[str]) -> set[str]:
    """*roots* and all that depends on them, directly or not."""
    children = _children(parents)
    found = set(roots)
    pending = list(found)
    while pending:
        fresh = set(children[pending.pop()]) - found
        found |= fresh
        pending.extend(fresh)
    return found


def cycles(parents: Parents) -> list[tuple[str, str]]:
    """Every task that depends on itself, each with the member of its cycle that it depends on."""
    component = _components(parents)
    on_cycle = ((name, [p for p in of if component[p] == component[name]]) for name, of in parents.items())
    return [(name, members[0]) for name, members in on_cycle if members]


def redundant_edges(parents: Parents, most: int | None = None) -> list[tuple[str, str, str]]:
    """(task, parent, ancestor) where *task* depends on both and *parent* already on *ancestor*.

    At most *most* of them: who has that many is helped by the first ones.

    The graph must have no cycle. Ancestors are kept as bits of one number per task, so that a
    hostile graph of thousands of tasks costs megabytes, not minutes.
    """
    bit = {name: 1 << position for position, name in enumerate(parents)}
    above: dict[str, int] = {}
    found = []
    for name in in_order(parents):
        inherited = 0
        for parent in parents[name]:
            inherited |= above[parent]
        for ancestor in parents[name]:
            if inherited & bit[ancestor]:
                parent = next(p for p in parents[name] if above[p] & bit[ancestor])
                found.append((name, parent, ancestor))
                if len(found) == most:
                    return found
        above[name] = inherited
        for parent in parents[name]:
            above[name] |= bit[parent]
    return found


def _children(parents: Parents) -> dict[str, list[str]]:
    children: dict[str, list[str]] = {name: [] for name in parents}
    for name, of in parents.items():
        for parent in dict.fromkeys(of):
            children[parent].append(name)
    return children


def _components(parents: Parents) -> dict[str, int]:
    """The strongly connected component of each name (Kosaraju, without recursion)."""
    finished: list[str] = []
    seen: set[str] = set()
    for root in parents:
        walk = [] if root in seen else [(root, iter(parents[root]))]
        seen.add(root)
        while walk:
            name, rest = walk[-1]
            following = next((parent for parent in rest if parent not in seen), None)
            if following is None:
                finished.append(walk.pop()[0])
            else:
                seen.add(following)
                walk.append((following, iter(parents[following])))
    children = _children(parents)
    component: dict[str, int] = {}
    for number, root in enumerate(reversed(finished)):
        pending = [root]
        while pending:
            name = pending.pop()
            if name not in component:
                component[name] = number
                pending.extend(children[name])
    return component
