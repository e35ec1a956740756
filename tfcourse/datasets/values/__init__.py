"""What stands in a cell: numbers, dates and categories, in the many ways people write them."""
