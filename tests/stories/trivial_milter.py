"""trivial_milter - a pymilter program of a few lines, against which the harness itself is tested.

Usage: python trivial_milter.py SOCKET. It does what the message tells it: a recipient `refused@` or
`later@` is answered so; the subject's first word `reject`, `tempfail`, `hold` or `die` decides at
end-of-message; anything else is accepted with X-Trivial fields that say what the milter saw.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

Milter: Any = importlib.import_module("Milter")


class Trivial(Milter.Base):  # type: ignore[misc]
    def __init__(self) -> None:
        self.seen: list[str] = []
        self.subject = ""

    def connect(self, name: str, _family: int, address: tuple[str, int]) -> int:
        self.seen = [f"client={address[0]}", f"name={name}"]
        return int(Milter.CONTINUE)

    def envfrom(self, _path: str, *_parameters: str) -> int:
        macros = ("{auth_authen}", "{daemon_name}")
        self.seen += [f"{name.strip('{}')}={self.getsymval(name)}" for name in macros]
        return int(Milter.CONTINUE)

    def envrcpt(self, path: str, *_parameters: str) -> int:
        if path.startswith("<refused@"):
            self.setreply("550", "5.7.1", "refused by the trivial milter")
            return int(Milter.REJECT)
        if path.startswith("<later@"):
            self.setreply("451", "4.7.1", "come again")
            return int(Milter.TEMPFAIL)
        return int(Milter.CONTINUE)

    def header(self, name: str, value: str) -> int:
        if name.lower() == "subject":
            self.subject = value
        return int(Milter.CONTINUE)

    def eom(self) -> int:
        match self.subject.split(" ")[0]:
            case "reject":
                self.setreply("550", "5.7.1", "refused at the end")
                return int(Milter.REJECT)
            case "tempfail":
                return int(Milter.TEMPFAIL)
            case "hold":
                self.quarantine("looks odd")
            case "die":
                os._exit(9)
        self.addheader("X-Trivial", " ".join(self.seen))
        self.addheader("X-Trivial-Top", "here", 0)
        self.chgheader("X-Remove", 1, "")
        return int(Milter.ACCEPT)


if __name__ == "__main__":
    Milter.factory = Trivial
    Milter.set_flags(Milter.ADDHDRS | Milter.CHGHDRS | Milter.QUARANTINE)
    Milter.runmilter("trivial", sys.argv[1], 60)
