"""Which URLs another community may give this node: no way into the node's own network, in any spelling."""

from __future__ import annotations

import ipaddress

import pytest

from trust.addresses import address_fault, host_faults, host_of, resolved_fault, url_faults

INSIDE = [
    "127.0.0.1", "127.1", "127.0.0.1.", "0", "0.0.0.0", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001",
    "127.0.0.01", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:10.0.0.1]", "[::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::]", "[2002:a00:1::]", "[2001:0:1::]", "[::ffff:0:127.0.0.1]",
    "169.254.169.254", "169.254.1.1", "[fe80::1]", "[fe80::1%25eth0]", "[fd00:ec2::254]", "[fc00::1]", "100.100.100.200",
    "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "192.0.0.1", "198.18.0.1", "240.0.0.1",
    "255.255.255.255", "224.0.0.1", "[ff02::1]", "[ff0e::1]", "192.0.2.1", "[2001:db8::1]",
    "localhost", "LOCALHOST", "node.localhost", "localhost.", "node2", "database", "metadata.google.internal", "printer.local", "node.lan",
    "a..example.org", "-a.example.org", "a_b.example.org", "example.org.", "1", "example.0x1", "n" * 64 + ".example.org",
]  # fmt: skip


@pytest.mark.parametrize("host", INSIDE)
def test_no_way_inside(host: str) -> None:
    assert url_faults(f"https://{host}:8443/iti-38", development=False)


@pytest.mark.parametrize(
    "url",
    [
        "https://node.example.org/iti-38",
        "https://NODE.example.org:8443/iti-38",
        "https://xn--nde-sna.example.org/a",
        "https://8.8.8.8/iti-38",
        "https://[2606:4700::1111]:8443/iti-38",
        "https://0x.example.org/",
        "https://12.example.org/",
    ],
)
def test_public_hosts_are_called(url: str) -> None:
    assert url_faults(url, development=False) == []


@pytest.mark.parametrize(
    "url",
    [
        "", "http://node.example.org/", "file:///etc/passwd", "gopher://node.example.org/", "//node.example.org/", "node.example.org",
        "https://", "https:///iti-38", "https://user@node.example.org/", "https://user:secret@node.example.org/",
        "https://node.example.org@127.0.0.1/", "https://node.example.org/?a=1", "https://node.example.org/#a",
        "https://node.example.org\\@127.0.0.1/", "https://node.example.org\t/", "https://node.example.org/a b",
        "https://node.example.org/\r\nHost: x", "https://node.example.org:0/", "https://node.example.org:65536/",
        "https://node.example.org:x/", "https://[::1/", "https://[not an address]/", "https://n\u00f6de.example.org/",
        "https://node.example\u3002org/", "https://\u2460\u2461\u2466.0.0.1/", "https://node%2eexample.org/", "https://node.example.org/" + "a" * 2048,
        "https://node.example.org,127.0.0.1/", "https://node*.example.org/",
    ],
)  # fmt: skip
def test_what_is_no_endpoint(url: str) -> None:
    assert url_faults(url, development=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "node.localhost"])
def test_a_development_node_calls_itself_and_its_neighbours(host: str) -> None:
    assert url_faults(f"https://{host}:18001/iti-38", development=True) == []


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "169.254.169.254", "[fd00::1]", "node2", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1"]
)
def test_a_development_node_calls_no_other_inside(host: str) -> None:
    assert url_faults(f"https://{host}:18001/iti-38", development=True)


PERMITTED = ["10.1.0.0/16", "fd00:1::/32", "node2", "Archive.internal", "192.168.1.1", "not a network/99"]


@pytest.mark.parametrize("host", ["10.1.2.3", "[fd00:1::1]", "node2", "NODE2", "archive.internal", "192.168.1.1"])
def test_what_an_administrator_named_is_called(host: str) -> None:
    assert url_faults(f"https://{host}/iti-38", development=False, permitted=PERMITTED) == []


@pytest.mark.parametrize(
    "host", ["10.2.0.1", "[fd00:2::1]", "node3", "192.168.1.2", "[::ffff:10.1.2.3]", "0xa010203", "127.0.0.1"]
)
def test_and_nothing_besides(host: str) -> None:
    assert url_faults(f"https://{host}/iti-38", development=False, permitted=PERMITTED)


def test_what_no_one_can_permit() -> None:
    everything = ["0.0.0.0/0", "::/0"]
    for host in ("224.0.0.1", "0.0.0.0", "255.255.255.255", "[ff02::1]", "[::]", "[::ffff:8.8.8.8]"):
        assert host_faults(host.strip("[]"), development=True, permitted=everything)


def test_resolved_addresses_are_judged_the_same_way() -> None:
    """A name that looks public may resolve to anything: the resolver asks for each address it found."""
    for text in ("127.0.0.1", "10.0.0.1", "169.254.169.254", "fe80::1", "::ffff:10.0.0.1"):
        assert address_fault(ipaddress.ip_address(text), development=False)
    assert address_fault(ipaddress.ip_address("8.8.8.8"), development=False) == ""
    assert address_fault(ipaddress.ip_address("127.0.0.1"), development=True) == ""


NAMED = ["node2", "Archive.internal", "10.1.0.0/16"]


@pytest.mark.parametrize(
    ("host", "address", "good"),
    [
        ("node2", "10.9.9.9", True),
        ("archive.internal", "192.168.3.3", True),
        ("archive.internal", "fd00::7", True),
        ("node2", "127.0.0.1", False),
        ("node2", "169.254.169.254", False),
        ("node2", "::ffff:10.9.9.9", False),
        ("node2", "224.0.0.1", False),
        ("node3.example.org", "10.9.9.9", False),
        ("node3.example.org", "10.1.9.9", True),
        ("node3.example.org", "8.8.8.8", True),
        ("node3.example.org", "169.254.169.254", False),
    ],
)
def test_a_named_host_may_be_private_but_not_this_machine(host: str, address: str, good: bool) -> None:
    fault = resolved_fault(host, ipaddress.ip_address(address), development=False, permitted=NAMED)
    assert (fault == "") is good


def test_host() -> None:
    assert host_of("https://NODE.example.org:8443/x") == "node.example.org"
    assert host_of("https://[::1]:1/x") == "::1"
