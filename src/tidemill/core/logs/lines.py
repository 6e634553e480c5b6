"""Lines of a log: a line begins at the beginning and behind each newline."""

NEWLINE = b"\n"


def behind_newline(data: bytes, number: int) -> int:
    """The place behind the newline of that number, from 1; ValueError when there are fewer."""
    if not 1 <= number <= data.count(NEWLINE):
        raise ValueError(f"there is no newline {number}")
    start, end = 0, len(data)
    while end - start > 256:  # counting is fast, and each half is counted once
        middle = (start + end) // 2
        before = data.count(NEWLINE, start, middle)
        if number <= before:
            end = middle
        else:
            number -= before
            start = middle
    for _ in range(number):
        start = data.index(NEWLINE, start) + 1
    return start
