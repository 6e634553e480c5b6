"""Artifacts: files that are kept with a run for people, and which names they may have."""

MOST_FILES = 10_000
"""Files that a step may keep."""
LARGEST = 16 << 30
"""Bytes that the files of a step may have, all together."""
LONGEST_PATH = 1024
"""Bytes that a path may have."""


def path_fault(path: str) -> str:
    """Why *path* cannot be that of an artifact, a sentence; "" when it can."""
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        return f"{path!r} is not UTF-8: give the file another name"
    if size > LONGEST_PATH:
        return f"{path[:100]!r}… is longer than {LONGEST_PATH} bytes: put the file elsewhere"
    if any(_is_control(character) for character in path):
        return f"{path!r} holds control characters: give the file another name"
    if any(element in ("", ".", "..") for element in path.split("/")):
        return f"{path!r} does not lead to a file below a directory"
    return ""


def folder_of(task: str) -> str:
    """The name of a task as the name of a directory."""
    plain = "".join("-" if character == "/" or _is_control(character) else character for character in task)
    return plain if plain.strip(".") else f"task-{len(plain)}"


def folders_of(tasks: list[str]) -> dict[str, str]:
    """A directory's name for each of *tasks*, no two alike."""
    taken: dict[str, str] = {}
    for task in tasks:
        name = folder_of(task)
        number = 1
        while name in taken.values():
            number += 1
            name = f"{folder_of(task)} ({number})"
        taken[task] = name
    return taken


def _is_control(character: str) -> bool:
    return ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0
