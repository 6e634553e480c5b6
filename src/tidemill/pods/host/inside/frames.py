"""How an executor and a supervisor speak: frames of byte fields, also used for results on disk.

Requests are `hello`, `claim`, `start`, `wait`, `stop` and `close`, each answered by one frame that begins
with `ok` or `failed`. The files for a command's output and result, and for the archive of a chore, come with
`start` as open descriptors: the pod itself sees nothing of the directory that they stand in.
"""


def pack(*fields: bytes) -> bytes:
    """One frame."""
    body = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    return len(body).to_bytes(4, "big") + body


def unpack(body: bytes) -> list[bytes]:
    """The fields of a frame without its length."""
    fields, at = [], 0
    while at < len(body):
        end = at + 4 + int.from_bytes(body[at : at + 4], "big")
        fields.append(body[at + 4 : end])
        at = end
    return fields


def take(inbox: bytearray) -> list[bytes] | None:
    """Take the first whole frame out of *inbox*, if there is one."""
    end = 4 + int.from_bytes(inbox[:4], "big")
    if len(inbox) < max(end, 4):
        return None
    fields = unpack(bytes(inbox[4:end]))
    del inbox[:end]
    return fields
