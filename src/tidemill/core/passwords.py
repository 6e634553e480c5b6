"""Passwords of local accounts: which are taken, and what is the same password."""

import unicodedata

SHORTEST = 8
LONGEST = 1024

PASSWORD_RULE = f"a password has {SHORTEST} to {LONGEST} characters and is not the user's name"


def is_valid_password(password: str, user_name: str) -> bool:
    """Whether *password* may be one of the user called so."""
    return SHORTEST <= len(password) <= LONGEST and password.casefold() != user_name.casefold()


def normalized(password: str) -> bytes:
    """What is hashed: the same bytes for the same characters, however a keyboard composes them."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
