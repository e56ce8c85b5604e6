from __future__ import annotations

from ipaddress import ip_address

import pytest

from filterd.core.space import is_public


@pytest.mark.parametrize(
    "text", ["192.0.2.1", "8.8.8.8", "2001:db8::1", "2a00::1", "172.32.0.1", "223.255.255.255"]
)
def test_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    "text",
    ["0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.1.1", "172.31.0.1", "192.168.0.1", "224.0.0.1",
     "255.255.255.255", "::", "::1", "fc00::1", "fd00::1", "fe80::1", "ff02::1"],
)  # fmt: skip
def test_not_public(text: str) -> None:
    assert not is_public(ip_address(text))
