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
