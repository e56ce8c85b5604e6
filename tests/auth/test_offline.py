"""Mail libraries come without their resolvers: less to load, and no question but ours."""

from __future__ import annotations

import subprocess
import sys
import types

import pytest

import filterd.auth.spf as auth_spf
from filterd.auth.offline import without_resolvers


def test_evaluation_loads_no_resolver() -> None:
    program = (
        "import sys, filterd.auth.spf, filterd.auth.seal, filterd.auth.arc\n"
        "print(sorted({'dns', 'dns.resolver', 'ssl', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_pyspf_cannot_ask_by_itself() -> None:
    with pytest.raises(AttributeError):
        auth_spf.spf.DNSLookup("example.org", "TXT")  # type: ignore[attr-defined]


def test_what_was_loaded_before_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = types.ModuleType("dns")
    monkeypatch.setitem(sys.modules, "dns", loaded)
    monkeypatch.delitem(sys.modules, "aiodns", raising=False)
    with without_resolvers():
        import dns

        assert dns is not loaded
    assert sys.modules["dns"] is loaded
    assert "aiodns" not in sys.modules
