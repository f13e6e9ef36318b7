"""Stored names, versions and their lifting."""

import msgspec
import pytest

from core.eventlog.serialization import Catalogue, Message, UnknownMessage
from core.eventlog.upcasting import Data, Upcasters


class Named(Message, frozen=True, kw_only=True):
    TYPE = "thing.named"
    VERSION = 3
    first: str
    last: str
    nick: str = ""


class Other(Message, frozen=True, kw_only=True):
    TYPE = "thing.other"


class Nameless(Message, frozen=True, kw_only=True):
    pass


class SameName(Message, frozen=True, kw_only=True):
    TYPE = "thing.other"


def split_name(data: Data) -> Data:
    first, _, last = data["name"].partition(" ")
    return {"first": first, "surname": last}


def rename_surname(data: Data) -> Data:
    return {"first": data["first"], "last": data["surname"]}


@pytest.fixture
def catalogue() -> Catalogue:
    upcasters = Upcasters()
    upcasters.register("thing.named", 1, split_name)
    upcasters.register("thing.named", 2, rename_surname)
    return Catalogue((Named, Other), upcasters)


def test_message_survives_encoding_and_decoding(catalogue: Catalogue) -> None:
    named = Named(first="Ada", last="Lovelace")

    assert catalogue.decode("thing.named", 3, catalogue.encode(named)) == named


def test_defaults_are_not_stored(catalogue: Catalogue) -> None:
    assert bytes(catalogue.encode(Named(first="A", last="B"))) == b'{"first":"A","last":"B"}'


def test_field_added_with_a_default_reads_old_data_of_the_same_version(catalogue: Catalogue) -> None:
    assert catalogue.decode("thing.named", 3, b'{"first":"A","last":"B"}') == Named(first="A", last="B", nick="")


@pytest.mark.parametrize(
    ("version", "data"),
    [(1, b'{"name":"Ada Lovelace"}'), (2, b'{"first":"Ada","surname":"Lovelace"}')],
)
def test_older_version_is_lifted_step_by_step(catalogue: Catalogue, version: int, data: bytes) -> None:
    assert catalogue.decode("thing.named", version, data) == Named(first="Ada", last="Lovelace")


def test_unknown_type_and_newer_version_are_refused(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownMessage, match=r"'thing\.lost' is unknown"):
        catalogue.decode("thing.lost", 1, b"{}")
    with pytest.raises(UnknownMessage, match="version 4 is newer"):
        catalogue.decode("thing.named", 4, b"{}")


def test_data_that_does_not_fit_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(msgspec.ValidationError, match="first"):
        catalogue.decode("thing.named", 3, b'{"last":"B"}')


def test_missing_step_is_named() -> None:
    with pytest.raises(LookupError, match="from version 1 to 2"):
        Catalogue((Named,)).decode("thing.named", 1, b"{}")


def test_step_can_be_registered_only_once() -> None:
    upcasters = Upcasters()
    upcasters.register("thing.named", 1, split_name)

    with pytest.raises(ValueError, match="already"):
        upcasters.register("thing.named", 1, split_name)


def test_unregistered_message_is_not_encoded(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownMessage, match="SameName"):
        catalogue.encode(SameName())


@pytest.mark.parametrize("types", [(Nameless,), (Other, SameName)])
def test_names_must_be_there_and_be_unique(types: tuple[type[Message], ...]) -> None:
    with pytest.raises(ValueError, match="empty or taken"):
        Catalogue(types)
