"""Numbers of bytes in sentences for people."""

_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def size_in_words(count: int) -> str:
    """Such as `256 MiB`, `1.5 KiB` or `300 bytes`."""
    for size, unit in _UNITS:
        if count >= size:
            return f"{round(count / size, 1):g} {unit}"
    return f"{count} bytes"
