"""What this machine has for running networks, what is missing, and what of it works.

Each module is a family of checks. What a check would import to see whether it works, a process of
its own imports: a library that hangs or crashes is a finding, and not the end of the examination.
"""
