"""A grid under attack: faults by a seed while many payloads are computed, then a proof that all is well."""
