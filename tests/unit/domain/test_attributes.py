"""Message attributes are made of a mapping of names, and of nothing else."""

from typing import Any

import pytest

from loafer.domain.attributes import attributes_of


@pytest.mark.parametrize("values", ["kind", [("kind", "order")], None])
def test_what_is_no_mapping_is_told_with_what_would_be_right(values: Any) -> None:
    with pytest.raises(TypeError, match=rf"attributes are a {type(values).__name__}; give a mapping of names, such as"):
        attributes_of(values)
