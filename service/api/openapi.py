"""Prints the OpenAPI document. To update the snapshot that the tests compare with:

python -m service.api.openapi > tests/service/api/openapi.json
"""

import json
import sys

from service.api.app import create_app


def document_text() -> str:
    """The document with sorted keys, so that a change of the API is a short diff."""
    document = create_app().openapi()
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document_text())
