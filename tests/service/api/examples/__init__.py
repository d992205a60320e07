"""A walk through the whole API, which records an example of every operation for the document.

python -m tests.service.api.examples    # then rewrite the snapshot of the document
"""
