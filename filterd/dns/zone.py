"""zone - a Resolver that answers from zone text and from nothing else.

Owns:   Zone: wildcards (RFC 4592), empty non-terminals, chains of CNAME and DNAME, faults on purpose.
Not here: reading the text (zonefile.py), delegation, DNSSEC.
"""

from __future__ import annotations

from collections.abc import Iterable

from filterd.core.lookup import (
    NODATA,
    NXDOMAIN,
    Answer,
    Asked,
    Question,
    RRType,
    Status,
    tempfail,
)
from filterd.dns import wire
from filterd.dns.zonefile import Labels, Node, read_zone


class Zone:
    """Answers from text; unknown names are NXDOMAIN."""

    def __init__(self, text: str) -> None:
        self._nodes, self.problems = read_zone(text)
        self._existing = {
            labels[start:] for labels in self._nodes for start in range(len(labels) + 1)
        }

    def ask(self, question: Question, deadline: float = 0.0) -> Answer:
        try:
            labels = wire.name_to_labels(question.name)
        except wire.WireError:
            return NXDOMAIN
        least = 0x7FFFFFFF
        for _ in range(wire.MAX_ALIASES + 1):
            redirected = self._redirected(labels)
            if redirected is not None:
                ttl, labels = redirected
                least = min(least, ttl)
                if sum(map(len, labels)) + len(labels) >= wire.MAX_NAME:
                    return tempfail("rcode-6")  # YXDOMAIN, RFC 6672 2.2
                continue
            node = self._node(labels)
            if node is None:
                return NXDOMAIN
            answer = _from_node(node, question.rrtype)
            if answer is not None:
                return answer._replace(ttl=min(answer.ttl, least)) if answer.ttl else answer
            alias = node.records.get(RRType.CNAME)
            if not alias:
                return NODATA
            ttl, target = alias[0]
            least = min(least, ttl)
            try:
                labels = wire.name_to_labels(str(target))
            except wire.WireError:
                return NXDOMAIN
        return tempfail("alias-loop")

    def prefetch(self, questions: Iterable[Asked]) -> None:
        """Nothing to fetch."""

    def close(self) -> None:
        """Nothing to close."""

    def _redirected(self, labels: Labels) -> tuple[int, Labels] | None:
        """TTL and the name that a DNAME above this one puts in its place (RFC 6672 2.2)."""
        for start in range(len(labels), 0, -1):
            node = self._nodes.get(labels[start:])
            if node is not None and node.dname is not None:
                ttl, target = node.dname
                return ttl, (*labels[:start], *target)
        return None

    def _node(self, labels: Labels) -> Node | None:
        """The name's own node, an empty one, or the wildcard that stands for it (RFC 4592 3.3)."""
        if labels in self._existing:
            return self._nodes.get(labels) or Node()
        for start in range(1, len(labels) + 1):
            encloser = labels[start:]
            if encloser in self._existing:
                wildcard = (b"*", *encloser)
                if wildcard in self._existing:
                    return self._nodes.get(wildcard) or Node()
                return None
        return None


def _from_node(node: Node, rrtype: RRType) -> Answer | None:
    """What the node itself answers; None where an alias or NODATA decides."""
    if rrtype in node.faults:
        return _fault(node.faults[rrtype])
    found = node.records.get(rrtype)
    if found:
        ttl = min(ttl for ttl, _ in found)
        values = tuple(value for _, value in found)
        match rrtype:
            case RRType.A | RRType.AAAA:
                return Answer(Status.OK, addresses=tuple(map(str, values)), ttl=ttl)
            case RRType.TXT:
                texts = tuple(v for v in values if isinstance(v, bytes))
                return Answer(Status.OK, txt=texts, ttl=ttl)
            case RRType.MX:
                pairs = tuple(v for v in values if isinstance(v, tuple))
                return Answer(Status.OK, mx=pairs, ttl=ttl)
            case RRType.NS | RRType.CNAME | RRType.PTR | RRType.SOA:
                return Answer(Status.OK, names=tuple(map(str, values)), ttl=ttl)
    if None in node.faults:
        return _fault(node.faults[None])
    return None


def _fault(kind: str) -> Answer:
    return NXDOMAIN if kind == "nxdomain" else tempfail(kind)
