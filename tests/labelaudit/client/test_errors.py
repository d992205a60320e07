"""How a problem reads."""

from labelaudit import ApiError


def test_a_problem_reads_as_title_detail_and_its_first_errors() -> None:
    problem = {
        "title": "We couldn't read this file",
        "status": 422,
        "detail": "7 rows have no label.",
        "errors": [{"row": row, "column": "label", "detail": "empty"} for row in range(1, 8)],
    }
    assert str(ApiError(problem)).splitlines() == [
        "We couldn't read this file: 7 rows have no label.",
        "  row 1, column label: empty",
        "  row 2, column label: empty",
        "  row 3, column label: empty",
        "  row 4, column label: empty",
        "  row 5, column label: empty",
        "  and 2 more",
    ]


def test_an_error_of_the_service_names_its_request() -> None:
    words = str(ApiError({"title": "Internal error", "status": 500, "request_id": "abc"}))
    assert words == "Internal error\n  request_id abc"


def test_an_empty_problem_still_reads_as_an_error() -> None:
    assert str(ApiError({})) == "Error"
