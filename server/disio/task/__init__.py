"""What holds for tasks, payloads and leases: states and legal moves, agreement, and who computes what next.

Pure: nothing here does I/O or reads a clock.
"""
