"""Addresses of the network."""

import pytest

from analysis.serve.addresses import is_in, is_loopback, is_network


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("::", False),
        ("server.example", False),
        ("", False),
    ],
)
def test_addresses_of_this_machine(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_networks() -> None:
    assert is_network("10.0.0.0/24") and is_network("10.0.0.5") and is_network("::1")
    assert not is_network("10.0.0.5/24") and not is_network("proxy.example") and not is_network("")
    assert is_in("10.0.0.5", "10.0.0.0/24") and is_in("10.0.0.5", "10.0.0.5")
    assert is_in("::ffff:10.0.0.5", "10.0.0.0/24")
    assert not is_in("10.0.1.5", "10.0.0.0/24") and not is_in("::1", "10.0.0.0/24")
    assert not is_in("", "0.0.0.0/0") and not is_in("unix:", "0.0.0.0/0")
