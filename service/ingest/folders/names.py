"""What the names of files and folders say: which hold a split of the data, which are junk."""

import re

JUNK = ("__macosx/", "thumbs.db", "desktop.ini", ".ds_store")
SPLIT = re.compile(
    r"(.*[^a-z])?(train(ing)?|val(id(ation)?)?|dev|test(ing)?|eval(uation)?|pred(ict(ion)?)?|"
    r"(un)?labell?ed)(([^a-z]|set|data|images|imgs).*)?"
)
UNLABELED = re.compile(
    r"(.*[^a-z])?(test(ing)?|pred(ict(ion)?)?|unlabell?ed|unsup(ervised)?|submission)"
    r"(([^a-z]|set|images|imgs).*)?"
)


def is_junk(name: str) -> bool:
    """True for what operating systems and version control leave behind."""
    lower = name.lower()
    hidden = any(part.startswith(".") for part in lower.split("/"))
    return hidden or lower.startswith(JUNK[0]) or lower.rpartition("/")[2] in JUNK[1:]


def is_split_name(folder: str) -> bool:
    """True for names such as train, seg_train, train2017, test-images."""
    return SPLIT.fullmatch(folder.lower()) is not None


def is_unlabeled_name(folder: str) -> bool:
    """True for the names of splits that come without labels: test, seg_pred, unlabeled."""
    return UNLABELED.fullmatch(folder.lower()) is not None
