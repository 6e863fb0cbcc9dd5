"""What kind of thing an address leads to."""

import pytest

from talks.links import kind_of


@pytest.mark.parametrize(
    "address, kind",
    [
        ("https://docs.google.com/presentation/d/1abcdefghijklmnopqrstuvwxyz/edit", "slides"),
        ("https://docs.google.com/document/d/1abcdefghijklmnopqrstuvwxyz/edit", "web"),
        ("https://speakerdeck.com/ada/engines", "slides"),
        ("https://speakerdeck.com/ada", "web"),
        ("https://noti.st/ada/abc123", "slides"),
        ("https://slides.com/ada/engines", "slides"),
        ("https://www.youtube.com/watch?v=7GI-ohaJfto", "video"),
        ("https://www.youtube.com/@ada", "web"),
        ("https://archive.org/details/engines", "video"),
        ("https://example.org/deck.pdf", "slides"),
        ("https://example.org/Deck.PPTX", "slides"),
        ("http://example.org/talk.mp4", "video"),
        ("https://example.org/talk.ogv", "video"),
        ("https://github.com/ada/engines/blob/main/deck.pdf", "code"),
        ("https://gist.github.com/ada/1", "code"),
        ("https://notgithub.com/ada", "web"),
        ("https://arxiv.org/pdf/1843.00001.pdf", "paper"),
        ("https://example.org/", "web"),
    ],
)
def test_the_kind_of_an_address(address, kind):
    assert kind_of(address) == kind
