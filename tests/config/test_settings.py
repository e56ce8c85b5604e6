from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from filterd.checks.catalogue import ALL
from filterd.config.decode import arms, decode
from filterd.config.settings import SHIPPED, FilterSettings


def test_the_defaults_are_valid_by_their_own_rules() -> None:
    assert decode(FilterSettings, SHIPPED) == FilterSettings()


def models(model: type[BaseModel] = FilterSettings) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for arm in arms(field.annotation):
            if isinstance(arm, type) and issubclass(arm, BaseModel):
                yield from models(arm)


@pytest.mark.parametrize("model", dict.fromkeys(models()), ids=lambda m: m.__name__)
def test_every_setting_says_what_it_does(model: type[BaseModel]) -> None:
    assert [n for n, field in model.model_fields.items() if not field.description] == []


def test_each_check_has_its_table() -> None:
    assert list(FilterSettings().check_settings) == [check.name for check in ALL]
