"""Tables as data: what each column is, what it becomes, and what to predict."""
