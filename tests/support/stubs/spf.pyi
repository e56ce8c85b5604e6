from ipaddress import IPv4Address, IPv6Address

class TempError(Exception):
    msg: str
    mech: str | None
    def __init__(self, msg: str, mech: str | None = ..., ext: object = ...) -> None: ...

class PermError(Exception):
    msg: str
    mech: str | None
    def __init__(self, msg: str, mech: str | None = ..., ext: object = ...) -> None: ...

Directive = tuple[str, str, str, int, str]  # term, name, argument, prefix length, result

RESULTS: dict[str, str]

def domainmatch(ptrs: list[str], domainsuffix: str) -> int: ...

class query:
    s: str
    l: str
    o: str
    d: str
    p: str | None
    i: str
    v: str
    A: str
    c: str
    t: str
    ipaddr: IPv4Address | IPv6Address | None
    cidrmax: int
    iplist: bool
    lookups: int
    void_lookups: int
    mechanism: str | None
    perm_error: PermError | None
    prob: str
    mech: list[str]
    def __init__(
        self,
        i: str,
        s: str,
        h: str,
        local: str | None = ...,
        receiver: str | None = ...,
        strict: bool | int = ...,
        timeout: float = ...,
        verbose: bool = ...,
        querytime: float = ...,
    ) -> None: ...
    def check(self, spf: str | None = ...) -> tuple[str, int, str]: ...
    def check0(self, record: str | None, recursion: int) -> tuple[str, int, str]: ...
    def check1(self, spf: str | None, domain: str, recursion: int) -> tuple[str, int, str]: ...
    def validate_mechanism(self, mech: str) -> Directive: ...
    def expand_domain(self, arg: str) -> str: ...
    def expand(self, s: str, stripdot: bool = ...) -> str: ...
    def dns_spf(self, domain: str) -> str | None: ...
    def dns_mx(self, domainname: str) -> list[str]: ...
    def dns_ptr(self, i: str) -> list[str]: ...
    def validated_ptrs(self) -> list[str]: ...
