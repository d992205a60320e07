"""How many samples of a class are enough to judge it by."""

SMALL_CLASS = 30  # with fewer an upload is warned, and no sample of the class is called obvious
