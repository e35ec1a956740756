"""The tutorials' own programs, beside which recipes put theirs."""
