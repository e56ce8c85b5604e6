class Relaxed:
    @staticmethod
    def canonicalize_headers(
        headers: list[tuple[bytes, bytes]],
    ) -> list[tuple[bytes, bytes]]: ...
    @staticmethod
    def canonicalize_body(body: bytes) -> bytes: ...

class Simple:
    @staticmethod
    def canonicalize_headers(
        headers: list[tuple[bytes, bytes]],
    ) -> list[tuple[bytes, bytes]]: ...
    @staticmethod
    def canonicalize_body(body: bytes) -> bytes: ...

class CanonicalizationPolicy:
    @classmethod
    def from_c_value(cls, c: bytes) -> CanonicalizationPolicy: ...
    def canonicalize_body(self, body: bytes) -> bytes: ...
