"""Column types that mean the same on both engines."""

from sqlalchemy import BigInteger, Integer, Text

#: Text that sorts and compares by its bytes, whatever the locale of the server.
BytewiseText = Text().with_variant(Text(collation="C"), "postgresql")

#: A large number that may be a primary key; SQLite counts by itself only in its own INTEGER type.
RowNumber = BigInteger().with_variant(Integer(), "sqlite")
