"""What an audit may be asked to train: every objective and its options, checked without torch.

`worker/objectives` implements exactly the names declared here; the API validates against this
package alone and shows it to people as the menu of methods.
"""

from service.options.objectives.option import (
    Matrix,
    ObjectiveSpec,
    Option,
    OptionValue,
    Origin,
)
from service.options.objectives.registry import OBJECTIVES, resolve_options

__all__ = [
    "OBJECTIVES",
    "Matrix",
    "ObjectiveSpec",
    "Option",
    "OptionValue",
    "Origin",
    "resolve_options",
]
