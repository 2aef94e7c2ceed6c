"""Attempts to get restricted data to a vendor, through every door that a request has.

`python -m tests.adversarial` runs many; `test_doors.py` runs some of them with every test run.
"""
