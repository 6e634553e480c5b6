"""Which keys each kind of mapping has: readers ask by it, warnings and the JSON Schema are made from it."""
