"""Connections are tested with what uses them, in test_downloads.py; here is who is inside."""

import pytest

from eyebright.system.connections import is_inside


@pytest.mark.parametrize(
    ("host", "inside"),
    [("127.0.0.1", True), ("localhost", True), ("a.localhost.", True), ("[::1]", True), ("::ffff:127.0.0.1", True),
     ("10.1.2.3", True), ("192.168.0.1", True), ("169.254.169.254", True), ("fe80::1%eth0", True), ("0.0.0.0", True),
     ("100.64.0.1", True), ("8.8.8.8", False), ("2001:4860:4860::8888", False), ("example.org", False)],
)  # fmt: skip
def test_addresses_of_this_machine_and_its_network_are_inside(host, inside):
    assert is_inside(host) == inside
