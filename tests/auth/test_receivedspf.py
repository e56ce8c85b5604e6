from __future__ import annotations

from ipaddress import IPv4Address

from filterd.auth.receivedspf import received_spf
from filterd.auth.spf import evaluate_mail_from
from filterd.dns.zone import Zone


def test_received_spf_holds_whatever_stands_in_it() -> None:
    client, path = IPv4Address("192.0.2.1"), 'a"; helo=x\\(\r\nX: y@example.org'
    ask = Zone('example.org TXT "v=spf1 +all"').ask
    evaluation = evaluate_mail_from(client, path, "h.example.net", ask)
    field = received_spf(evaluation, client, path, "he lo", "mx.example.net")
    assert field == (
        "Pass (example.org designates 192.0.2.1 as permitted sender) receiver=mx.example.net; "
        'identity=mailfrom; client-ip=192.0.2.1; envelope-from="a\\"; helo=x\\\\(??X: y@example.org"; '
        'helo="he lo"; mechanism=+all'
    )
