"""The labeling configuration of a Label Studio project: writes the one that fits the tasks of an
export, and reads what another one calls its control."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Never
from xml.etree import ElementTree

from service.core.errors import BadInput
from service.exports.formats.label_studio import LABEL, OBJECTS, check_kind

NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Control:
    """Where a project chooses its labels: the name of the control, the name of the object that it
    labels, and the field of a task's `data` that the object shows."""

    from_name: str
    to_name: str
    field: str


def label_config(kind: str, class_names: Iterable[str]) -> bytes:
    """The labeling configuration that fits the tasks: XML in UTF-8. Raises BadInput for samples
    that Label Studio cannot show, and for names that XML cannot contain."""
    check_kind(kind)
    tag, field = OBJECTS[kind]
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, tag, name=field, value=f"${field}")
    choices = ElementTree.SubElement(view, "Choices", name=LABEL, toName=field, choice="single")
    for name in class_names:
        if NOT_IN_XML.search(name):
            raise BadInput(
                f"A labeling configuration is XML, which cannot contain the class name {name!r}. "
                "Remove its control characters and upload the dataset again.",
                type="labeling-config",
            )
        ElementTree.SubElement(choices, "Choice", value=name)
    ElementTree.indent(view)
    written: bytes = ElementTree.tostring(view, encoding="utf-8")
    return written + b"\n"


def default_control(kind: str) -> Control:
    """The control of the configuration above."""
    check_kind(kind)
    _, field = OBJECTS[kind]
    return Control(LABEL, field, field)


def read_control(config: str) -> Control:
    """The only `Choices` of a configuration; if there are several, the one named `label`. Raises
    BadInput (`labeling-config`) if there is none, or if it labels nothing that a task contains."""
    root = _parse(config)
    found = [one for one in root.iter("Choices") if one.get("name") and one.get("toName")]
    if len(found) > 1:
        found = [one for one in found if one.get("name") == LABEL]
    if len(found) != 1:
        _refuse(f"It needs one `Choices`, or one of several that is named `{LABEL}`.")
    from_name, to_name = found[0].get("name", ""), found[0].get("toName", "")
    for shown in root.iter():
        value = shown.get("value", "")
        if shown.get("name") == to_name and value.startswith("$"):
            return Control(from_name, to_name, value[1:])
    _refuse(f"Its `Choices` refer to {to_name!r}, which shows no field of a task.")


class _WithoutDoctype(ElementTree.TreeBuilder):
    """Refuses a document type, whose entities could expand to any size."""

    def doctype(self, *_: str | None) -> None:
        _refuse("It must not have a document type.")


def _parse(config: str) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(config, ElementTree.XMLParser(target=_WithoutDoctype()))
    except (ElementTree.ParseError, UnicodeEncodeError) as error:
        _refuse(f"It is not well-formed XML: {error}.")


def _refuse(reason: str) -> Never:
    raise BadInput(
        f"The project's labeling configuration cannot be used. {reason}", type="labeling-config"
    )
