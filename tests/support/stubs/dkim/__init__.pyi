from collections.abc import Callable, Iterable
from typing import Any

class DKIMException(Exception): ...

class DKIM:
    headers: list[tuple[bytes, bytes]]
    def __init__(
        self,
        message: bytes | None = ...,
        logger: Any = ...,
        signature_algorithm: bytes = ...,
        minkey: int = ...,
        linesep: bytes = ...,
    ) -> None: ...
    def sign(
        self,
        selector: bytes,
        domain: bytes,
        privkey: bytes,
        signature_algorithm: bytes | None = ...,
        identity: bytes | None = ...,
        canonicalize: tuple[bytes, bytes] = ...,
        include_headers: Iterable[bytes] | None = ...,
        length: bool = ...,
    ) -> bytes: ...
    def verify(self, idx: int = ..., dnsfunc: Callable[..., bytes | None] = ...) -> bool: ...

class ARC:
    headers: list[tuple[bytes, bytes]]
    def __init__(
        self,
        message: bytes | None = ...,
        logger: Any = ...,
        signature_algorithm: bytes = ...,
        minkey: int = ...,
        linesep: bytes = ...,
    ) -> None: ...
    def sign(
        self,
        selector: bytes,
        domain: bytes,
        privkey: bytes,
        srv_id: bytes,
        include_headers: Iterable[bytes] | None = ...,
        timestamp: int | str | None = ...,
        standardize: bool = ...,
    ) -> list[bytes]: ...
    def verify(
        self, dnsfunc: Callable[..., bytes | None] = ...
    ) -> tuple[bytes | None, list[dict[str, Any]], str]: ...

parse_pem_private_key: Any
RSASSA_PKCS1_v1_5_sign: Any

def sign(
    message: bytes,
    selector: bytes,
    domain: bytes,
    privkey: bytes,
    identity: bytes | None = ...,
    canonicalize: tuple[bytes, bytes] = ...,
    signature_algorithm: bytes = ...,
    include_headers: Iterable[bytes] | None = ...,
    length: bool = ...,
) -> bytes: ...
def verify(
    message: bytes, *, dnsfunc: Callable[..., bytes | None] = ..., minkey: int = ...
) -> bool: ...
def arc_sign(
    message: bytes, selector: bytes, domain: bytes, privkey: bytes, srv_id: bytes
) -> list[bytes]: ...
