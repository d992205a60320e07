"""Fault drills: the real thing is started, hurt, and everything acknowledged is looked for.

A drill is one function of a stack and a ledger; `test_drills.py` runs each once, `scripts/drill`
as often as asked, and writes the table of docs/reliability.md.
"""
