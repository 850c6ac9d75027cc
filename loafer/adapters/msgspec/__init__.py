"""Content of every type that msgspec reads: dataclasses, attrs classes, TypedDicts, Structs and what has them in it."""
