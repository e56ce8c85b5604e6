"""offline - import a mail library without the resolver it brings along.

Owns:   without_resolvers.
Not here: what the libraries are used for (auth.spf, auth.signature); our own resolver (dns).
Why:    pyspf and dkimpy import dnspython's resolver, and with it TLS and every record type: 65 ms of CPU and
        2.5 MB at each start of the service (150 ms and 16 MB in a program that has nothing else), for
        questions they never get to ask. Without it they cannot ask behind the back of the scan's deadline.
        The package email, 0.5 MB, comes along with pyspf for a field that it is not given to read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

_ABSENT = ("aiodns", "dkim.dnsplug")  # importing them fails, which dkimpy allows for
# pyspf wants one that is there
_EMPTY = ("dns", "dns.resolver", "dns.exception", "email", "email.message")


@contextmanager
def without_resolvers() -> Iterator[None]:
    """While it is entered, importing what asks the DNS gives nothing; what was loaded before stays."""
    names = (*_ABSENT, *_EMPTY)
    before = {name: sys.modules[name] for name in names if name in sys.modules}
    empty = ModuleType("dns")
    empty.__dict__["rdatatype"] = SimpleNamespace(SPF=99)  # else pyspf adds it
    empty.__dict__["Message"] = object
    sys.modules.update(dict.fromkeys(_EMPTY, empty))
    sys.modules.update(dict.fromkeys(_ABSENT))  # type: ignore[arg-type]  # None: "not there"
    try:
        yield
    finally:
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(before)
