from collections.abc import Sequence

class AuthenticationResultProperty:
    type: str
    name: str
    value: str
    def __init__(
        self, type: str, name: str, value: str | None = ..., comment: str | None = ...
    ) -> None: ...

class AuthenticationResult:
    method: str
    result: str
    properties: list[AuthenticationResultProperty]
    def __init__(
        self,
        method: str,
        version: str | None = ...,
        result: str | None = ...,
        result_comment: str | None = ...,
        reason: str | None = ...,
        reason_comment: str | None = ...,
        properties: list[AuthenticationResultProperty] | None = ...,
    ) -> None: ...

class AuthenticationResultsHeader:
    authserv_id: str
    results: list[AuthenticationResult]
    def __init__(
        self,
        authserv_id: str | None = ...,
        results: Sequence[AuthenticationResult] | None = ...,
    ) -> None: ...
    @classmethod
    def parse_value(cls, string: str) -> AuthenticationResultsHeader: ...
    def header_value(self) -> str: ...
