"""The labeling configuration of Label Studio: ours, and the control that another one has."""

import pytest

from service.core.errors import BadInput
from service.exports.formats.labeling_config import (
    Control,
    default_control,
    label_config,
    read_control,
)


@pytest.mark.parametrize("kind", ["text", "image", "table"])
def test_our_own_configuration_has_the_default_control(kind):
    written = label_config(kind, ["cat", 'a "dog" & <fox>', "line\nbreak", "é"])
    assert read_control(written.decode()) == default_control(kind)


def test_the_names_are_those_of_the_project():
    config = """<View><Image name="pic" value="$url"/><View>
    <Choices name="what" toName="pic"><Choice value="a"/></Choices></View></View>"""
    assert read_control(config) == Control("what", "pic", "url")


def test_of_several_choices_it_is_the_one_named_label():
    config = """<View><Text name="t" value="$t"/><Choices name="mood" toName="t"/>
    <Choices name="label" toName="t"/></View>"""
    assert read_control(config) == Control("label", "t", "t")


BOMB = """<!DOCTYPE View [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>
<View><Text name="t" value="$&b;"/><Choices name="c" toName="t"/></View>"""


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("", "not well-formed"),
        ("View", "not well-formed"),
        ("<View>", "not well-formed"),
        ("<View>\ud800</View>", "not well-formed"),
        ("<View/>", "one `Choices`"),
        ("<View><Choices name='a'/></View>", "one `Choices`"),
        (
            "<View><Text name='t' value='$t'/><Choices name='a' toName='t'/>"
            "<Choices name='b' toName='t'/></View>",
            "one `Choices`",
        ),
        ("<View><Choices name='a' toName='t'/></View>", "shows no field"),
        ("<View><Text name='t' value='t'/><Choices name='a' toName='t'/></View>", "shows no field"),
        (BOMB, "document type"),
    ],
)
def test_what_has_no_control_is_refused_with_the_reason(config, reason):
    with pytest.raises(BadInput, match=reason) as refused:
        read_control(config)
    assert refused.value.type == "labeling-config"


def test_a_class_name_that_xml_cannot_contain_is_refused():
    with pytest.raises(BadInput, match="control characters"):
        label_config("text", ["cat", "do\x01g"])
