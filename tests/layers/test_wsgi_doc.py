import re
from pathlib import Path

import pytest

from talks import layers

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "wsgi.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_its_examples_run():
    text = DOCUMENT.read_text(encoding="utf-8")
    names = {"__name__": "wsgi"}
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start(1))
        exec(compile("\n" * line + block[1], str(DOCUMENT), "exec"), names)

    assert callable(names["application"])


@pytest.mark.parametrize(
    "layer", ["Guard", "Proxy", "RequestId", "SecurityHeaders", "Health", "Environ", "Limits", "Static"]
)
def test_it_explains(layer):
    assert hasattr(layers, layer)
    assert f"| `{layer}` |" in DOCUMENT.read_text(encoding="utf-8")
