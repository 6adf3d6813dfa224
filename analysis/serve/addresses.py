"""Addresses of the network: which are of this machine, and which are in a network."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address, or has it."""
    if host == "localhost":
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def is_network(text: str) -> bool:
    """Whether a text is an address such as 10.0.0.5, or a network such as 10.0.0.0/24."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def is_in(host: str, network: str) -> bool:
    """Whether an address is in a network, or is that address."""
    address = _address(host)
    return address is not None and address in ipaddress.ip_network(network)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """None for what is no address, such as a Unix socket."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
