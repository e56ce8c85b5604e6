"""The demo is the first thing that anybody sees: every message of it has the outcome that it promises."""

from __future__ import annotations

import subprocess
import sys

import pytest

from deploy.demo.postfix import postfix_account
from deploy.demo.scenes import SCENES
from tests.stories.conftest import available
from tests.support.shared import ROOT

pytestmark = [pytest.mark.story, pytest.mark.timeout(180)]


def test_the_demo_keeps_its_promises() -> None:
    available(postfix_account)
    done = subprocess.run(
        [sys.executable, "-m", "deploy.demo"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"All {len(SCENES)} messages had the outcome expected of them." in done.stdout
    assert len(SCENES) >= 12
