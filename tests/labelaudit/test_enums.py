"""Words of the API in messages."""

import importlib
import pkgutil
from enum import Enum
from types import ModuleType

import pytest

import labelaudit
import service
import worker
from labelaudit.enums import DatasetKind
from service.core.errors import BadInput
from service.options.encoders import check_encoder

FOREIGN = ("service.__main__", "service.cli.__main__", "worker.__main__", "worker.celery")


def modules(package: ModuleType) -> list[ModuleType]:
    walked = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [importlib.import_module(one.name) for one in walked if one.name not in FOREIGN]


def own_enums() -> set[type[Enum]]:
    found = {
        thing
        for package in (labelaudit, service, worker)
        for module in modules(package)
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, Enum)
    }
    own = ("labelaudit.", "service.", "worker.")
    return {kind for kind in found if kind.__module__.startswith(own)}


@pytest.mark.slow  # it imports every module
def test_no_member_of_an_enum_can_show_as_code_in_a_message():
    kinds = own_enums()
    assert len(kinds) > 10
    shown = [f"{one} {one!r}" for kind in kinds for one in kind]
    assert [text for text in shown if "<" in text] == []


def test_a_message_names_the_kind_of_sample_in_plain_words():
    with pytest.raises(BadInput) as refused:
        check_encoder(DatasetKind.text, "efficientnet-lite0")
    assert "Samples of kind 'text' cannot use" in refused.value.detail
