"""The far side of the sandbox, run by a bare interpreter: nothing is imported but these modules and Python's own.

supervisor   enters new namespaces, starts the two processes below, watches them, reports
confinement  the root folder, limits, privileges: what takes rights away
syscalls     the system calls that remain, as a seccomp filter
judging      the process that runs the tests and gives the verdict
solving      the process that runs the code under test
calls        how the two talk: plain data by value, everything else by reference
"""
