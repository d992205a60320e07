"""The jobs themselves: load, compute, return what to commit. Torch is imported only where used.

A handler may be killed at any point and run again: files appear by rename under names that depend
on what they hold, and rows are written by the function that it returns, in the finishing
transaction.
"""
