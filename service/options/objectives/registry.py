"""Every objective by name, and the check of the options that an audit asks for."""

from collections.abc import Mapping
from typing import Any

from service.core.errors import BadInput
from service.options.objectives import relabelling, robust, transition
from service.options.objectives.option import ObjectiveSpec, OptionValue

OBJECTIVES: dict[str, ObjectiveSpec] = {
    spec.name: spec for spec in (*robust.SPECS, *transition.SPECS, *relabelling.SPECS)
}


def resolve_options(objective: str, options: Mapping[str, Any]) -> dict[str, OptionValue]:
    """The objective's defaults with the given options laid over them.

    A given `noise_matrix` selects itself: `matrix_source` need not be named beside it.

    Raises
    ------
    BadInput
        An unknown objective, an unknown option, a value outside its range, or options that
        contradict each other; each named.
    """
    spec = OBJECTIVES.get(objective)
    if spec is None:
        raise BadInput(f"Unknown objective {objective!r}. Choose one of: {', '.join(OBJECTIVES)}.")
    known = {option.name: option for option in spec.options}
    unknown = sorted(set(options) - set(known))
    if unknown:
        allowed = ", ".join(known) or "none"
        raise BadInput(f"{objective} has no option {', '.join(unknown)}. Its options: {allowed}.")
    try:
        resolved = spec.defaults(options) | {
            name: known[name].check(v) for name, v in options.items()
        }
        if resolved.get("noise_matrix") is not None and "matrix_source" not in options:
            resolved["matrix_source"] = "given"
        transition.check_sources(resolved)
    except ValueError as error:
        raise BadInput(f"{objective}: {error}.") from error
    return resolved
