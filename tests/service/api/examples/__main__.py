"""Records the examples. One whose request and answer have kept their shape stays as it is."""

from service.api.app import create_app
from service.api.examples import read_examples
from tests.service.api.examples.files import differing, walk, write

if __name__ == "__main__":
    document = create_app().openapi()
    old, new = read_examples(), walk(document)
    changed = differing(old, new)
    write({name: changed.get(name, old.get(name, new[name])) for name in new}, document)
    print("\n".join(sorted(changed)) or "Nothing has changed.")  # noqa: T201
